"""Which examples stand in which batch, and how features become tensors.

Everything here is a function of the seed, the epoch and the position, so a resumed run finds its
batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ft.contract.plugin import derive_seed

Feature = Mapping[str, Any]

POOL_BATCHES = 256
"""Batches whose examples are sorted by length together: enough to keep padding low, few enough
that an epoch stays shuffled."""

NOT_INPUTS = frozenset({"row", "word_ids"})
LABEL_PAD = -100
IDS = "input_ids"


class Plan:
    """The order of one split's examples in every epoch.

    Args:
        examples: how many there are.
        batch_size: examples an optimizer step.
        seed: of the run.
    """

    def __init__(self, examples: int, batch_size: int, seed: int) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.batches = -(-examples // batch_size)

    def pools(self, epoch: int, first_batch: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Pools of example ids from the one that holds ``first_batch`` on, with the batch at which
        each pool begins.
        """
        order = np.random.default_rng(derive_seed(self.seed, "order", epoch)).permutation(
            self.examples
        )
        size = POOL_BATCHES * self.batch_size
        first_pool = first_batch // POOL_BATCHES
        for pool in range(first_pool, -(-self.examples // size)):
            yield pool * POOL_BATCHES, order[pool * size : (pool + 1) * size]

    def cut(self, epoch: int, begin: int, lengths: Sequence[int]) -> list[np.ndarray]:
        """The batches of a pool: positions within it, alike in length, in random order.

        Args:
            epoch: counted from 1.
            begin: the batch at which the pool begins.
            lengths: tokens of each of the pool's examples.
        """
        by_length = np.argsort(np.asarray(lengths), kind="stable")
        # The odd batch, if any, is cut off the short end, where it wastes least.
        odd = len(lengths) % self.batch_size
        cuts = range(odd, len(lengths), self.batch_size)
        batches = [by_length[cut : cut + self.batch_size] for cut in cuts]
        if odd:
            batches.append(by_length[:odd])
        rng = np.random.default_rng(derive_seed(self.seed, "batches", epoch, begin))
        return [batches[i] for i in rng.permutation(len(batches))]


def lengths(features: Sequence[Feature]) -> list[int]:
    """Tokens of each feature: the longest of its ``*input_ids``. All have the same columns."""
    names = [name for name in features[0] if is_ids(name)] if features else []
    columns = [[_tokens(feature[name]) for feature in features] for name in names]
    if len(columns) == 1:
        return columns[0]
    return [max(row) for row in zip(*columns, strict=True)] if columns else [1] * len(features)


def longest(groups: Sequence[Sequence[Feature]]) -> list[int]:
    """Tokens of the longest feature of each group, 0 for an empty one."""
    each = iter(lengths([feature for group in groups for feature in group]))
    return [max(islice(each, len(group)), default=0) for group in groups]


def longest_first(each: Sequence[int]) -> list[int]:
    """Positions in order of their lengths, the longest first."""
    return sorted(range(len(each)), key=each.__getitem__, reverse=True)


def _tokens(value: Any) -> int:
    return len(value) if _flat(value) else sum(map(len, value))


def is_ids(name: str) -> bool:
    """Whether a column holds token ids, padded with the pad id and given an attention mask."""
    return name.endswith(IDS)


def micro_batches(
    features: list[Feature], max_tokens: int, enough: int | None = None
) -> list[list[Feature]]:
    """Cut features into forward passes of at most ``max_tokens`` tokens with padding.

    A single feature that is longer stands alone.

    Args:
        features: of one step, or of a prediction.
        max_tokens: of a pass.
        enough: tokens from which on a pass ends where a shorter feature would have to be padded.
    """
    enough = max_tokens if enough is None else enough
    cut: list[list[Feature]] = []
    widest = 0
    each = lengths(features)
    for i in longest_first(each):
        own = each[i]
        tokens = widest * len(cut[-1]) if cut else 0
        if not cut or tokens + widest > max_tokens or (own < widest and tokens >= enough):
            cut.append([])
            widest = own
        cut[-1].append(features[i])
    return cut


def divide(features: list[Feature], parts: int) -> list[list[Feature]]:
    """Cut one step's features into shares of about as many tokens, alike in length.

    Args:
        features: of the batch.
        parts: how many shares; some are empty where there are fewer features.
    """
    if parts == 1:
        return [features]
    each = lengths(features)
    total = max(1, sum(each))
    shares: list[list[Feature]] = [[] for _ in range(parts)]
    before = 0
    for i in longest_first(each):
        # A feature belongs where its middle lies.
        share = min(parts - 1, parts * (2 * before + each[i]) // (2 * total))
        shares[share].append(features[i])
        before += each[i]
    return shares


def collate(features: Sequence[Feature], pad_id: int) -> dict[str, Tensor]:
    """Pad features into tensors.

    ``*input_ids`` are padded with ``pad_id`` and get an ``*attention_mask``, ``labels`` with -100,
    other lists with 0; lists of lists are padded in both directions. Columns that are not numbers
    are left out, as are ``row`` and ``word_ids``.

    Returns:
        Tensors by name, the first dimension the feature; integers as int64, floats as float32.
    """
    batch: dict[str, Tensor] = {}
    for name, example in features[0].items():
        if name in NOT_INPUTS or not _numeric(example):
            continue
        values = [feature[name] for feature in features]
        pad = pad_id if is_ids(name) else LABEL_PAD if name == "labels" else 0
        batch[name] = _tensor(values, pad)
        mask = name[: -len(IDS)] + "attention_mask"
        if is_ids(name) and mask not in features[0]:
            batch[mask] = _mask(values)
    return batch


def to_device(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch on the device; one on a GPU is copied there while the host goes on."""
    pinned = device.type == "cuda"
    return {
        name: (value.pin_memory() if pinned else value).to(device, non_blocking=True)
        for name, value in batch.items()
    }


def _numeric(value: Any) -> bool:
    while isinstance(value, list | tuple):
        if not value:
            return True
        value = value[0]
    return isinstance(value, int | float | np.number)


def _mask(values: Sequence[list[Any]]) -> Tensor:
    """Ones where there are ids."""
    if not all(map(_flat, values)):
        return _tensor([_ones(value) for value in values], 0)
    sizes = np.array([len(value) for value in values])
    return torch.from_numpy((np.arange(sizes.max()) < sizes[:, None]).astype(np.int64))


def _ones(value: Any) -> Any:
    if not isinstance(value, list):
        return 1
    if _flat(value):
        return [1] * len(value)
    return [_ones(row) for row in value]


def _flat(values: Sequence[Any]) -> bool:
    """Whether these are values, not lists of values; told by the first, so that it costs nothing."""
    return not (values and isinstance(values[0], list))


def _arrays(values: Any) -> Any:
    """Nested lists, the innermost as arrays."""
    if not isinstance(values, list):
        return values
    return np.asarray(values) if _flat(values) else [_arrays(row) for row in values]


def _shape(values: Any) -> tuple[int, ...]:
    """The smallest rectangle that holds nested lists of arrays."""
    if isinstance(values, np.ndarray):
        return tuple(values.shape)
    inner = [_shape(value) for value in values]
    depth = max(len(shape) for shape in inner)
    widest = tuple(max((s[i] for s in inner if i < len(s)), default=0) for i in range(depth))
    return (len(values), *widest)


def _tensor(values: Sequence[Any], pad: int) -> Tensor:
    if _flat(values):
        tensor = torch.tensor(values)
        return tensor.float() if tensor.is_floating_point() else tensor
    if all(map(_flat, values)):
        return _padded_rows(values, pad)
    arrays = [_arrays(value) for value in values]
    kind = np.float32 if _floating(arrays) else np.int64
    padded = np.full(_shape(arrays), pad, dtype=kind)
    _fill(padded, arrays)
    return torch.from_numpy(padded)


def _padded_rows(rows: Sequence[Sequence[Any]], pad: int) -> Tensor:
    """Rows of numbers, all at once."""
    sizes = np.array([len(row) for row in rows])
    numbers = np.array(list(chain.from_iterable(rows)))
    kind = np.float32 if _floating(numbers) else np.int64
    padded = np.full((len(rows), sizes.max()), pad, dtype=kind)
    padded[np.arange(sizes.max()) < sizes[:, None]] = numbers
    return torch.from_numpy(padded)


def _floating(values: Any) -> bool:
    if isinstance(values, list):
        return any(_floating(value) for value in values)
    return bool(values.dtype.kind == "f" and values.size)


def _fill(target: np.ndarray, values: Any) -> None:
    if target.ndim == 1:
        target[: len(values)] = values
        return
    for row, value in zip(target, values, strict=False):
        _fill(row, value)
