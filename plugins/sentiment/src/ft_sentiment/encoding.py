"""Texts as token ids: what is kept of a text that is longer than the model, or its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ft import ConfigError
from ft_sentiment.settings import SentimentConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoded:
    """Features of texts.

    Attributes:
        columns: the tokenizer's columns without the attention mask, one entry a feature.
        rows: the text (or pair) that each feature belongs to, rising.
        long: how many texts are longer than a feature may be.
    """

    columns: dict[str, list[list[int]]]
    rows: list[int]
    long: int


def encode_texts(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Sequence[str]],
    limit: int,
    config: SentimentConfig,
) -> Encoded:
    """Features of texts or pairs of texts.

    Args:
        tokenizer: a fast tokenizer.
        texts: one column of texts, or two for pairs.
        limit: tokens a feature at most, special tokens included.
        config: how long texts are handled.

    Returns:
        One feature a text, or one a window.

    Raises:
        ConfigError: ``limit`` leaves no room beside the special tokens.
    """
    encoded = tokenizer(
        *[list(column) for column in texts],
        add_special_tokens=True,
        truncation=False,
        return_attention_mask=False,
        verbose=False,
    )
    columns: dict[str, list[list[int]]] = {name: [] for name in encoded}
    rows: list[int] = []
    long = 0
    for row, encoding in enumerate(encoded.encodings):
        kept: Sequence[Sequence[int] | None] = [None]
        if len(encoding.ids) > limit:
            long += 1
            kept = _fit(encoding.sequence_ids, limit, tokenizer.truncation_side, config)
        for positions in kept:
            rows.append(row)
            for name, column in columns.items():
                values = encoded[name][row]
                column.append(values if positions is None else [values[p] for p in positions])
    return Encoded(columns, rows, long)


def _fit(
    sequences: Sequence[int | None], limit: int, side: str, config: SentimentConfig
) -> list[list[int]]:
    """The positions that each feature of a long text keeps.

    Args:
        sequences: for each token which text it belongs to, ``None`` for special tokens.
        limit: tokens a feature at most.
        side: where the tokenizer's model expects a text to be cut, ``right`` or ``left``.
        config: how.
    """
    special = [p for p, sequence in enumerate(sequences) if sequence is None]
    segments = [
        [p for p, sequence in enumerate(sequences) if sequence == which]
        for which in sorted({s for s in sequences if s is not None})
    ]
    room = limit - len(special)
    if room < len(segments):
        raise ConfigError(
            f"{limit} tokens leave no room beside {len(special)} special tokens",
            where="run.max_length",
            hint="set it higher",
        )
    if config.long_texts == "windows":
        (segment,) = segments
        windows = window_starts(len(segment), room, config.window_overlap)
        parts = [segment[start : start + room] for start in windows]
    else:
        share = config.head_share
        if config.long_texts == "truncate":
            share = 0.0 if side == "left" else 1.0
        budgets = longest_first([len(segment) for segment in segments], room)
        kept = [head_tail(s, budget, share) for s, budget in zip(segments, budgets, strict=True)]
        parts = [[p for segment in kept for p in segment]]
    return [sorted([*special, *part]) for part in parts]


def head_tail(positions: Sequence[int], budget: int, head_share: float) -> list[int]:
    """The first and the last of ``positions``, ``budget`` in all (Sun et al. 2019)."""
    if len(positions) <= budget:
        return list(positions)
    head = round(budget * head_share)
    return [*positions[:head], *positions[len(positions) - (budget - head) :]]


def longest_first(lengths: Sequence[int], room: int) -> list[int]:
    """Tokens that each of one or two texts keeps: the longer one is cut until they are equal."""
    if sum(lengths) <= room:
        return list(lengths)
    if len(lengths) == 1:
        return [room]
    first, second = lengths
    if first <= second:
        first = min(first, room // 2)
        return [first, room - first]
    second = min(second, room // 2)
    return [room - second, second]


def window_starts(length: int, room: int, overlap: int) -> list[int]:
    """Where windows of ``room`` tokens begin so that all are full and together cover the text.

    They are spread evenly, so neighbours share ``overlap`` tokens or more (at most half a window
    where ``overlap`` asks for more than that).
    """
    step = room - min(overlap, room // 2)
    count = 1 + -(-max(length - room, 0) // step)
    return [int(start) for start in np.linspace(0, max(length - room, 0), count)]
