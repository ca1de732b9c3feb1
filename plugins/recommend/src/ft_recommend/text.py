"""Texts of items as token ids and as the encoder's vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

BATCH_TOKENS = 8192
"""Tokens, padding included, that the encoder reads at a time without gradients."""


class TokenTable:
    """The token ids of many texts, in two flat arrays.

    Args:
        texts: the texts.
        tokenizer: the model's.
        length: tokens of a text at most, special tokens included.

    Attributes:
        cut: how many of the texts are longer.
    """

    def __init__(self, texts: Sequence[str], tokenizer: Any, length: int) -> None:
        self.pad_id = int(tokenizer.pad_token_id or 0)
        parts: list[np.ndarray] = []
        lengths: list[int] = []
        self.cut = 0
        for begin in range(0, len(texts), 10_000):
            encoded = _encoded(texts[begin : begin + 10_000], tokenizer, length)
            self.cut += sum(bool(one.overflowing) for one in encoded.encodings)
            for ids in encoded["input_ids"]:
                parts.append(np.asarray(ids, np.int32))
                lengths.append(len(ids))
        self.flat = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def batches(self) -> Iterable[tuple[np.ndarray, Tensor]]:
        """The texts by length: their numbers, and their ids padded, (texts, longest)."""
        lengths = np.diff(self.starts)
        order = np.argsort(lengths, kind="stable")
        begin = 0
        while begin < len(order):
            end = begin + 1
            while end < len(order) and lengths[order[end]] * (end + 1 - begin) <= BATCH_TOKENS:
                end += 1
            rows = order[begin:end]
            ids = torch.full((len(rows), int(lengths[rows[-1]])), self.pad_id)
            for k, row in enumerate(rows):
                one = self.flat[self.starts[row] : self.starts[row + 1]]
                ids[k, : len(one)] = torch.from_numpy(one.astype(np.int64))
            yield rows, ids
            begin = end


def tokenize(texts: Sequence[str], tokenizer: Any, length: int) -> list[list[int]]:
    """Token ids of texts, cut off at ``length``."""
    if not texts:
        return []
    return [list(ids) for ids in _encoded(texts, tokenizer, length)["input_ids"]]


def _encoded(texts: Sequence[str], tokenizer: Any, length: int) -> Any:
    return tokenizer(list(texts), truncation=True, max_length=length, return_attention_mask=False)


def text_encoder(model: Any) -> Any:
    """What reads a text: the encoder alone of an encoder-decoder (T5, BART), else the whole model."""
    return model.get_encoder() if model.config.is_encoder_decoder else model


def mean_vectors(encoder: nn.Module, ids: Tensor, pad_id: int) -> Tensor:
    """The mean of each text's last hidden states, of length one (Reimers & Gurevych 2019).

    Args:
        encoder: a transformers model.
        ids: (texts, tokens), padded with ``pad_id``.
        pad_id: of the tokenizer.

    Returns:
        (texts, hidden) float32.
    """
    mask = ids.ne(pad_id)
    mask[:, 0] = True
    longest = int(mask.sum(1).max())
    ids, mask = ids[:, :longest], mask[:, :longest]
    hidden = text_encoder(encoder)(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    with torch.autocast(ids.device.type, enabled=False):
        weights = mask.unsqueeze(-1).to(torch.float32)
        mean = (hidden.float() * weights).sum(1) / weights.sum(1)
        return normalize(mean, dim=1)


@torch.no_grad()
def encode_table(encoder: nn.Module, table: TokenTable, device: torch.device) -> Tensor:
    """Vectors of every text, (texts, hidden) float32 on ``device``, without dropout."""
    training = encoder.training
    encoder.eval()
    try:
        out: Tensor | None = None
        for rows, ids in table.batches():
            vectors = mean_vectors(encoder, ids.to(device), table.pad_id)
            if out is None:
                out = torch.zeros(len(table), vectors.shape[1], device=device)
            out[torch.from_numpy(rows).to(device)] = vectors
    finally:
        encoder.train(training)
    if out is None:
        hidden = int(getattr(encoder.config, "hidden_size", 0))
        return torch.zeros(0, hidden, device=device)
    return out
