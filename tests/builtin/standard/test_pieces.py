"""Every family of tokenizers: the pieces of words are those that it gives for the running text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from ft.builtin.standard.pieces import pieces_of
from ft.data.tags.cutting import RULES, join_words, split_words

FAMILIES = {
    "WordPiece": "Bert",
    "byte-level": "Roberta",
    "byte-level behind a pattern": "Llama 3",
    "byte-level of a decoder": "Qwen2",
    "Unigram with a prefix": "XLMRoberta",
    "Unigram with a prefix at the beginning": "T5",
    "Unigram of DeBERTa": "DebertaV2",
    "SentencePiece of a decoder": "Llama",
}
TEXT = "Anna lives in (Ulm) near Ben's town. Ben  works not far"


@pytest.fixture(scope="module")
def tokenizers(load: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    families = load("families")
    made = {}
    for name, kind in FAMILIES.items():
        folder = tmp_path_factory.mktemp("tokenizer")
        families.make_tokenizer(kind).save_pretrained(folder)
        made[name] = AutoTokenizer.from_pretrained(folder)
    return made


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rule", ["words", "treebank", "inner", "whitespace"])
def test_running_text_has_the_pieces_of_the_tokenizer(
    family: str, rule: str, tokenizers: dict[str, Any], load: Any
) -> None:
    tokenizer = tokenizers[family]
    for text in [TEXT, *(row["text"] for row in load("families").examples(60))]:
        words = [text[start:end] for start, end in split_words(text, rule)]
        ((ids, owners),) = pieces_of(tokenizer, [words], [text], cut=False)
        assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
        assert owners == sorted(owners)
        lacking = set(range(len(words))) - set(owners)
        assert not any(character.isalnum() for word in lacking for character in words[word])


@pytest.mark.parametrize(
    ("text", "rule", "owned", "cut"),
    [
        ("Ulm).", "words", {"Ulm": "Ulm", ").": ")"}, {"Ulm": "Ulm", ")": ")", ".": "."}),
        ('"Anna', "words", {'"Anna': "Anna"}, {'"': '"', "Anna": "Anna"}),
        (
            "Baden-Baden",
            "inner",
            {"Baden": "Baden-Baden", "-Baden": "Baden-Baden"},
            None,
        ),
    ],
)
def test_a_piece_of_several_words_is_that_of_the_word_with_letters_or_the_first_mark(
    text: str,
    rule: str,
    owned: dict[str, str],
    cut: dict[str, str] | None,
    tokenizers: dict[str, Any],
) -> None:
    tokenizer = tokenizers["byte-level behind a pattern"]
    words = [text[start:end] for start, end in split_words(text, rule)]
    for whole, expected in ((False, owned), (True, cut or owned)):
        ((ids, owners),) = pieces_of(tokenizer, [words], [text], cut=whole)
        pieces = tokenizer.convert_ids_to_tokens(ids)
        assert dict(zip(pieces, (words[owner] for owner in owners), strict=True)) == expected


def test_a_piece_of_several_words_with_letters_is_cut(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["WordPiece"]
    for cut in (True, False):
        ((ids, owners),) = pieces_of(tokenizer, [["An", "na"]], ["Anna"], cut=cut)
        assert owners[0] == 0
        assert set(owners) == {0, 1}
        assert ids != tokenizer("Anna", add_special_tokens=False)["input_ids"]


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
@given(
    text=st.text("aU(.,'5 \u200b北京กé🔥\n", max_size=16),
    rule=st.sampled_from(RULES),
    cut=st.booleans(),
)
def test_every_word_of_any_text_has_its_pieces_in_order(
    text: str, rule: str, cut: bool, tokenizers: dict[str, Any]
) -> None:
    words = [text[start:end] for start, end in split_words(text, rule)]
    for family, tokenizer in tokenizers.items():
        if tokenizer.unk_token_id is None:
            continue
        ((_, owners),) = pieces_of(tokenizer, [words], [text], cut=cut)
        assert owners == sorted(owners), family
        lacking = set(range(len(words))) - set(owners)
        assert not lacking or not cut, family
        assert not any(character.isalnum() for word in lacking for character in words[word])
