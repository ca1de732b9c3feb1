"""A tiny teacher for trials: random weights, and the classes of the kit's tasks."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

CLASSES = (
    "O",
    "B-LOC",
    "I-LOC",
    "B-PER",
    "I-PER",
    "B-ORG",
    "I-ORG",
    "no",
    "maybe",
    "yes",
    "good",
    "bad",
)
"""Tags and labels that trials are made with."""


def write_teacher(folder: Path) -> Path:
    """Write a model for words that are spelt letter by letter.

    Its last layer serves for texts, and for the pieces of words as well.

    Args:
        folder: is made and filled as ``save_pretrained`` does.

    Returns:
        The folder.
    """
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    tokenizer = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=128
    )
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        id2label=dict(enumerate(CLASSES)),
        label2id={name: i for i, name in enumerate(CLASSES)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
