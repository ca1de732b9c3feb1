"""Every family of tokenizers: the pieces of words are those that it gives for the running text."""

from __future__ import annotations

from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from ft.builtin.standard.pieces import pieces_of
from ft.data.tags.cutting import RULES, join_words, split_words

FAMILIES = {
    "WordPiece": "Bert",
    "byte-level": "Roberta",
    "byte-level behind a pattern": "SplitBytes",
    "byte-level of a decoder": "Qwen2",
    "Unigram with a prefix": "XLMRoberta",
    "Unigram with a prefix at the beginning": "T5",
    "Unigram of DeBERTa": "DebertaV2",
    "SentencePiece of a decoder": "Llama",
}
TEXT = "Anna lives in (Ulm) near Ben's town. Ben  works not far"


PEOPLE, PLACES = ["Anna", "Ben", "Clara"], ["Ulm", "Paris", "Rome"]
SENTENCES = [
    f"{person} {verb} in ({place}) {rest}."
    for person in PEOPLE
    for place in PLACES
    for verb in ("lives", "works")
    for rest in ("near Ben's town", "not far")
]


def make_tokenizer(kind: str) -> Any:
    """A tokenizer of a real class, with a vocabulary trained on the sentences."""
    if kind in ("Bytes", "SplitBytes"):
        return _byte_level(split=kind == "SplitBytes")
    # LlamaTokenizer cuts nothing before its merges, which shall not reach over words.
    lines = (
        SENTENCES
        if kind != "Llama"
        else [line[a:b] for line in SENTENCES for a, b in split_words(line, "treebank")]
    )
    empty = getattr(transformers, f"{kind}Tokenizer")()
    return empty.train_new_from_iterator(lines * 5, 200, show_progress=False)


def _byte_level(*, split: bool) -> Any:
    """As ModernBERT's or, cut by a pattern first, as Llama 3's and EuroBERT's."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    made: Any = Tokenizer(models.BPE())
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not split)
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+"
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated"), bytes_only]
    made.pre_tokenizer = pre_tokenizers.Sequence(steps) if split else bytes_only
    made.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(SENTENCES, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = {}
    for name, kind in FAMILIES.items():
        folder = tmp_path_factory.mktemp("tokenizer")
        make_tokenizer(kind).save_pretrained(folder)
        made[name] = AutoTokenizer.from_pretrained(folder)
    return made


@pytest.mark.parametrize("family", FAMILIES)
def test_running_text_has_the_pieces_of_the_tokenizer(
    family: str, tokenizers: dict[str, Any]
) -> None:
    tokenizer = tokenizers[family]
    spans = split_words(TEXT, "treebank")
    words = [TEXT[start:end] for start, end in spans]
    ((ids, owners),) = pieces_of(tokenizer, [words], [TEXT])
    assert ids == tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert owners == sorted(owners)
    assert sorted(set(owners)) == list(range(len(words)))


@pytest.mark.parametrize("family", FAMILIES)
def test_words_alone_are_encoded_as_a_text_of_them(family: str, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers[family]
    words = ["Anna", "lives", "in", "(", "Ulm", ")", "."]
    text, _ = join_words(words)
    assert pieces_of(tokenizer, [words]) == pieces_of(tokenizer, [words], [text])
    pieces = tokenizer.convert_ids_to_tokens(pieces_of(tokenizer, [words])[0][0])
    assert sum(piece[0] in "Ġ▁" for piece in pieces) in (
        (0,) if family == "WordPiece" else (len(words) - 1, len(words))
    ), "every word but the first begins with the blank before it"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_piece_that_reaches_over_words_is_cut(family: str, tokenizers: dict[str, Any]) -> None:
    for rule in RULES:
        words = [TEXT[start:end] for start, end in split_words(TEXT, rule)]
        ((_, owners),) = pieces_of(tokenizers[family], [words], [TEXT])
        assert sorted(set(owners)) == list(range(len(words))), rule


@settings(deadline=None, max_examples=40)
@given(text=st.text("aU(.,'5 \u200b北京กé🔥\n", max_size=16), rule=st.sampled_from(RULES))
def test_every_word_of_any_text_has_its_pieces_in_order(
    text: str, rule: str, tokenizers: dict[str, Any]
) -> None:
    words = [text[start:end] for start, end in split_words(text, rule)]
    for family, tokenizer in tokenizers.items():
        if tokenizer.unk_token_id is None:
            continue
        ((_, owners),) = pieces_of(tokenizer, [words], [text])
        assert owners == sorted(owners), family
        assert set(owners) - {-1} == set(range(len(words))), family
