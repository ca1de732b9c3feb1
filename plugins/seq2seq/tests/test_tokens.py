"""Token ids: what the decoder reads, language codes, the end of a text."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBart50Tokenizer,
    MBartConfig,
    MBartForConditionalGeneration,
    MBartTokenizer,
    T5Config,
    T5ForConditionalGeneration,
)

import ft
from ft_seq2seq.generation import ended, set_generation
from ft_seq2seq.settings import Seq2SeqConfig
from ft_seq2seq.tokens import decoder_inputs, encode_targets, set_languages, target_code

MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = [(piece, -float(i)) for i, piece in enumerate([*MARKS, "▁", "a", "b", "▁a", "▁b"])]
SIZES = {
    **{f"{side}_{name}": n for side in ("encoder", "decoder") for name, n in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 16))},
    "d_model": 16,
    "vocab_size": 80,
    "max_position_embeddings": 32,
    "pad_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
CODES = {"source_language": "en_XX", "target_language": "de_DE"}


def bart() -> Any:
    return BartForConditionalGeneration(BartConfig(**SIZES, decoder_start_token_id=2))


def marian() -> Any:
    return MarianMTModel(MarianConfig(**SIZES, decoder_start_token_id=1))


def mbart(start: int | None = None) -> Any:
    return MBartForConditionalGeneration(MBartConfig(**SIZES, decoder_start_token_id=start))


def mbart50() -> Any:
    return mbart(2)


def t5() -> Any:
    config = T5Config(
        vocab_size=80, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
        pad_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return T5ForConditionalGeneration(config)


@pytest.mark.parametrize("kind", [bart, marian, mbart, mbart50, t5])
def test_the_decoder_reads_what_the_model_would_make_of_the_labels(kind: Any) -> None:
    model = kind().eval()
    labels = [[10, 7, 8, 2], [7, 2]]
    ours = decoder_inputs(labels, model.config)
    padded = torch.tensor([[10, 7, 8, 2], [7, 2, -100, -100]])
    theirs = model.prepare_decoder_input_ids_from_labels(labels=padded)
    for row, made in zip(ours, theirs, strict=True):
        assert row == made[: len(row)].tolist()
    batch = {"input_ids": torch.tensor([[7, 8, 2], [8, 2, 1]])}
    batch["attention_mask"] = torch.tensor([[1, 1, 1], [1, 1, 0]])
    with torch.no_grad():
        whole = model(**batch, labels=padded).logits
        given = torch.tensor([[*row, *[1] * (4 - len(row))] for row in ours])
        mask = torch.tensor([[1] * len(row) + [0] * (4 - len(row)) for row in ours])
        passed = model(**batch, decoder_input_ids=given, decoder_attention_mask=mask).logits
    there = padded != -100
    assert torch.allclose(whole[there], passed[there], atol=1e-5)


@pytest.mark.parametrize("kind", [MBartTokenizer, MBart50Tokenizer])
def test_language_codes_stand_where_the_model_has_them(kind: Any) -> None:
    tokenizer = kind(vocab=PIECES, src_lang="fr_XX", tgt_lang="fr_XX")
    set_languages(tokenizer, Seq2SeqConfig(**CODES), "seq2seq")
    english, german, a = tokenizer.convert_tokens_to_ids(["en_XX", "de_DE", "▁a"])
    first = kind is MBart50Tokenizer
    assert tokenizer("a")["input_ids"] == ([english, a, 2] if first else [a, 2, english])
    (target,) = encode_targets(tokenizer, ["a"], 8)
    assert target == ([german, a, 2] if first else [a, 2, german])
    model = mbart50() if first else mbart()
    set_generation(model, Seq2SeqConfig(**CODES, beams=1), 6, target_code(tokenizer))
    batch = tokenizer(["a b"], return_tensors="pt")
    ids = model.generate(**batch)[0].tolist()
    assert ids[:2] == [2, german] if first else ids[0] == german
    model.generation_config.validate(strict=True)


def test_a_language_that_the_model_does_not_know_is_refused() -> None:
    tokenizer = MBart50Tokenizer(vocab=PIECES)
    config = Seq2SeqConfig(source_language="en_XX", target_language="de_DX")
    with pytest.raises(ft.ConfigError, match=r"de_DX") as error:
        set_languages(tokenizer, config, "seq2seq")
    assert "de_DE" in str(error.value)


def test_a_text_that_was_cut_is_told_from_one_that_ended() -> None:
    assert ended([2, 7, 2, 1], 2)
    assert not ended([2, 7, 8], 2)
    assert ended([0, 7, 5], [2, 5])
