"""A model of encoder and decoder learns to write, by beam search in evaluation and prediction."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

import ft

WORDS = ["one", "two", "three", "four"]
OTHERS = ["eins", "zwei", "drei", "vier"]


def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS, *OTHERS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def t5() -> Any:
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=11,
            d_model=32,
            d_kv=16,
            d_ff=64,
            num_layers=1,
            num_heads=2,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
        )
    )


def bart() -> Any:
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=11,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=32,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=1,
            decoder_start_token_id=1,
            forced_eos_token_id=None,
        )
    )


@pytest.mark.parametrize("kind", [t5, bart])
def test_a_text_is_written(resumed: Any, tmp_path: Path, kind: Any) -> None:
    rng = random.Random(0)
    for split, count in (("train", 160), ("validation", 16), ("test", 16)):
        rows = []
        for _ in range(count):
            chosen = [rng.randrange(4) for _ in range(rng.randint(1, 3))]
            rows.append(
                {
                    "source": " ".join(WORDS[i] for i in chosen),
                    "target": " ".join(OTHERS[i] for i in chosen),
                }
            )
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{split}.jsonl").write_text(text)
    torch.manual_seed(0)
    kind().save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    files = {split: str(tmp_path / f"{split}.jsonl") for split in ("train", "validation", "test")}
    result = resumed(
        "translation",
        tmp_path / "base",
        7,
        translation={**files, "beams": 2, "longest": 6},
        epochs=8,
        batch_size=16,
        learning_rate=1e-2,
    )
    assert result.metrics["test"]["words"].value > 0.6
    assert result.metrics["validation"]["loss"].value < 1.5
    predictions = [
        json.loads(line) for line in (result.output / "predictions" / "test.jsonl").open()
    ]
    requests = [json.loads(line) for line in (tmp_path / "test.jsonl").open()]
    asked = list(ft.predict(result.output, requests))
    assert [one["target"] for one in asked] == [one["target"] for one in predictions]
