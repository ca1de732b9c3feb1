"""A pre-trained model small enough for a test, written to a folder without any network."""

from __future__ import annotations

import string
from collections.abc import Iterable
from pathlib import Path

from ft.contract.model import quiet_transformers


def tiny_bert(
    folder: Path,
    words: Iterable[str] = (),
    *,
    hidden: int = 32,
    layers: int = 2,
    positions: int = 64,
    dropout: float = 0.1,
    seed: int = 0,
) -> Path:
    """Write a BERT with random weights and an uncased word-piece tokenizer.

    Args:
        folder: is made and filled as ``save_pretrained`` does.
        words: whole words of its vocabulary; others are spelt letter by letter.
        hidden: size of the hidden states; two attention heads.
        layers: how many.
        positions: the longest input in tokens.
        dropout: of hidden states and attention.
        seed: of the weights.

    Returns:
        The folder.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    pieces += [f"##{letter}" for letter in letters]
    pieces += sorted({word.lower() for word in words} - set(pieces))
    tokenizer = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=positions
    )
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder
