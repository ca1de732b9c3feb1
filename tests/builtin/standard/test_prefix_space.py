"""A byte-level tokenizer sees words as they are in running text, in training and afterwards."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizer,
    pipeline,
)

import ft
from ft.builtin.standard.pieces import pieces_of

WORDS = ["anna", "ben", "saw", "paris", "the"]
SPACE = "\u0120"


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random RoBERTa that knows each word with and without the space before it."""
    folder = tmp_path_factory.mktemp("roberta")
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", SPACE, *string.printable.strip()]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        for start in (SPACE, ""):
            piece = start or word[0]
            for letter in word if start else word[1:]:
                merges.append((piece, letter))
                piece += letter
                pieces.append(piece)
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = RobertaTokenizer(
        vocab=vocabulary, merges=list(dict.fromkeys(merges)), model_max_length=64
    )
    torch.manual_seed(0)
    model = RobertaModel(
        RobertaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=66,
            pad_token_id=1,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_words_keep_the_space_before_them(roberta: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    kinds = {"anna": "B-PER", "ben": "B-PER", "paris": "B-LOC"}
    sentences = [rng.choices(WORDS, k=rng.randint(2, 6)) for _ in range(200)]
    rows = [{"tokens": one, "tags": [kinds.get(word, "O") for word in one]} for one in sentences]
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = ft.run(
        ["ner"],
        ner={"train": str(file), "test": str(file), "decoding": "argmax"},
        model=str(roberta),
        epochs=3,
        learning_rate=1e-2,
        precision="fp32",
        device="cpu",
        lint="off",
        output=tmp_path / "run",
    )
    assert result.metrics["test"]["f1"].value > 0.9
    tokenizer = AutoTokenizer.from_pretrained(result.output / "model")
    running = "ben saw  paris, the"
    ((given, owners),) = pieces_of(tokenizer, [["ben", "saw", "paris", ",", "the"]], [running])
    assert given == tokenizer(running, add_special_tokens=False)["input_ids"]
    assert given == AutoTokenizer.from_pretrained(roberta)(running)["input_ids"][1:-1]
    assert tokenizer.convert_ids_to_tokens(given) == [
        "ben", SPACE + "saw", SPACE, SPACE + "paris", ",", SPACE + "the"
    ]  # fmt: skip
    assert owners == [0, 1, 1, 2, 3, 4]

    text = "the anna saw ben"
    (found,) = ft.predict(result.output, text)
    assert [(e["type"], e["start"], e["end"]) for e in found["entities"]] == [
        ("PER", 4, 8),
        ("PER", 13, 16),
    ]
    pipe = pipeline(
        "token-classification", str(result.output / "model"), aggregation_strategy="first"
    )
    with pytest.warns(UserWarning, match="heuristic"):
        theirs = pipe(text)
    scores = [float(one["score"]) for one in theirs]
    assert [one["word"].strip() for one in theirs] == ["anna", "ben"]
    assert scores == pytest.approx([e["score"] for e in found["entities"]], abs=1e-4)
