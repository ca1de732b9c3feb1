"""How features are cut into passes and become tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from ft.contract.schema import TaskData

Feature = Mapping[str, Any]

NOT_INPUTS = frozenset({"row", "word_ids", "word_count", "length"})
LABEL_PAD = -100
IDS = "input_ids"
LABELS = "labels"


def lengths(features: Sequence[Feature]) -> list[int]:
    """The size of each feature, in tokens: its ``length`` column, else its longest sequence.

    Sequences are the ``*input_ids`` and integer ``labels*``, such as the text that a decoder is to
    write.
    """
    kinds = by_columns(features)
    if len(kinds) == 1:
        return _sizes(features)
    sizes = [0] * len(features)
    for positions in kinds.values():
        for i, size in zip(positions, _sizes([features[i] for i in positions]), strict=True):
            sizes[i] = size
    return sizes


def by_columns(features: Sequence[Feature]) -> dict[tuple[str, ...], list[int]]:
    """Positions of features with the same columns: only these may be put into one pass."""
    kinds: dict[tuple[str, ...], list[int]] = {}
    for i, feature in enumerate(features):
        kinds.setdefault(tuple(feature), []).append(i)
    return kinds


def _sizes(features: Sequence[Feature]) -> list[int]:
    """The sizes of features with the same columns."""
    if not features:
        return []
    first = features[0]
    if "length" in first:
        return [int(feature["length"]) for feature in features]
    names = [name for name, value in first.items() if is_ids(name) or _is_sequence(name, value)]
    columns = [[_tokens(feature[name]) for feature in features] for name in names]
    if len(columns) == 1:
        return columns[0]
    return [max(row) for row in zip(*columns, strict=True)] if columns else [1] * len(features)


def _is_sequence(name: str, value: Any) -> bool:
    """Whether a column of labels holds one integer a token; a list of floats is one a class."""
    if not name.startswith(LABELS) or not isinstance(value, list | tuple | np.ndarray | Tensor):
        return False
    return bool(np.asarray(value).dtype.kind in "iu" and np.ndim(value) == 1)


def longest(groups: Sequence[Sequence[Feature]]) -> list[int]:
    """Tokens of the longest feature of each group, 0 for an empty one."""
    each = iter(lengths([feature for group in groups for feature in group]))
    return [max(islice(each, len(group)), default=0) for group in groups]


def longest_first(each: Sequence[int]) -> list[int]:
    """Positions in order of their lengths, the longest first."""
    return sorted(range(len(each)), key=each.__getitem__, reverse=True)


def _tokens(value: Any) -> int:
    if isinstance(value, np.ndarray | Tensor):
        return math.prod(value.shape)
    return len(value) if _flat(value) else sum(map(len, value))


def is_ids(name: str) -> bool:
    """Whether a column holds token ids, padded with the pad id and given an attention mask."""
    return name.endswith(IDS)


def unit_of(features: Sequence[Feature], data: TaskData | None) -> str:
    """What people count where these are trained on: tokens, or where there are none the examples."""
    if any(is_ids(name) for name in features[0]):
        return "tokens"
    return "images" if data is not None and data.schema.images else "examples"


def micro_batches(
    features: list[Feature], max_tokens: int, enough: int | None = None
) -> list[list[Feature]]:
    """Cut features into forward passes of at most ``max_tokens`` tokens with padding.

    A single feature that is longer stands alone; features with different columns, as several tasks
    have, never stand in one pass.

    Args:
        features: of one step, or of a prediction.
        max_tokens: of a pass.
        enough: tokens from which on a pass ends where a shorter feature would have to be padded.
    """
    enough = max_tokens if enough is None else enough
    cut: list[list[Feature]] = []
    for positions in by_columns(features).values():
        alike = [features[i] for i in positions]
        cut += _cut(alike, max_tokens, enough)
    return cut


def _cut(features: list[Feature], max_tokens: int, enough: int) -> list[list[Feature]]:
    """The passes over features with the same columns."""
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


def collate(features: Sequence[Feature], pad_id: int, *, left: bool = False) -> dict[str, Tensor]:
    """Pad features with the same columns into tensors, behind them or on the left.

    ``*input_ids`` are padded with ``pad_id`` and get an ``*attention_mask``, ``labels*`` with -100,
    other lists, arrays and tensors with 0; those of several dimensions are padded in each. Columns
    that are not numbers are left out, as are ``row``, ``word_ids``, ``word_count`` and ``length``.

    Returns:
        Tensors by name, the first dimension the feature; integers and bools as int64, floats as
        float32.
    """
    batch: dict[str, Tensor] = {}
    for name, example in features[0].items():
        if name in NOT_INPUTS or not _numeric(example):
            continue
        values = [_plain(feature[name]) for feature in features]
        pad = pad_id if is_ids(name) else LABEL_PAD if name.startswith(LABELS) else 0
        batch[name] = _tensor(values, pad, left)
        mask = name[: -len(IDS)] + "attention_mask"
        if is_ids(name) and mask not in features[0]:
            batch[mask] = _mask(values, left)
    return batch


def _plain(value: Any) -> Any:
    """A tensor as an array, one of one dimension as a list; other values as they are."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    return value.tolist() if isinstance(value, np.ndarray) and value.ndim < 2 else value


def to_device(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch on the device; one on a GPU is copied there while the host goes on."""
    pinned = device.type == "cuda"
    return {
        name: (value.pin_memory() if pinned else value).to(device, non_blocking=True)
        for name, value in batch.items()
    }


def _numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    if isinstance(value, Tensor):
        return not value.is_complex()
    while isinstance(value, list | tuple):
        if not len(value):
            return True
        value = value[0]
    return isinstance(value, int | float | np.number) or (
        isinstance(value, np.ndarray | Tensor) and _numeric(value)
    )


def _mask(values: Sequence[list[Any]], left: bool) -> Tensor:
    """Ones where there are ids."""
    if not all(map(_flat, values)):
        return _tensor([_ones(value) for value in values], 0, left)
    return torch.from_numpy(_places(values, left).astype(np.int64))


def _places(rows: Sequence[Sequence[Any]], left: bool) -> np.ndarray:
    """Where the values of rows stand in the table of the padded rows."""
    sizes = np.array([len(row) for row in rows])
    places = np.arange(sizes.max()) < sizes[:, None]
    return places[:, ::-1] if left else places


def _ones(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.ones(value.shape, dtype=np.int64)
    if not isinstance(value, list):
        return 1
    if _flat(value):
        return [1] * len(value)
    return [_ones(row) for row in value]


def _flat(values: Sequence[Any]) -> bool:
    """Whether these are values, not lists of values; told by the first, so that it costs nothing."""
    return not (len(values) and isinstance(values[0], list | np.ndarray))


def _arrays(values: Any) -> Any:
    """Nested lists, the innermost as arrays."""
    if not isinstance(values, list):
        return _plain(values)
    return np.asarray(values) if _flat(values) else [_arrays(row) for row in values]


def _shape(values: Any) -> tuple[int, ...]:
    """The smallest rectangle that holds nested lists of arrays."""
    if isinstance(values, np.ndarray):
        return tuple(values.shape)
    inner = [_shape(value) for value in values]
    depth = max(len(shape) for shape in inner)
    widest = tuple(max((s[i] for s in inner if i < len(s)), default=0) for i in range(depth))
    return (len(values), *widest)


def _tensor(values: Sequence[Any], pad: int, left: bool) -> Tensor:
    if _flat(values):
        tensor = torch.tensor(values)
        return tensor.float() if tensor.is_floating_point() else tensor.long()
    if isinstance(values[0], np.ndarray) and len({value.shape for value in values}) == 1:
        tensor = torch.from_numpy(np.stack(values))
        return tensor.float() if tensor.is_floating_point() else tensor.long()
    if all(map(_flat, values)):
        return _padded_rows(values, pad, left)
    arrays = [_arrays(value) for value in values]
    kind = np.float32 if _floating(arrays) else np.int64
    padded = np.full(_shape(arrays), pad, dtype=kind)
    _fill(padded, arrays)
    return torch.from_numpy(padded)


def _padded_rows(rows: Sequence[Sequence[Any]], pad: int, left: bool) -> Tensor:
    """Rows of numbers, all at once."""
    places = _places(rows, left)
    numbers = np.array(list(chain.from_iterable(rows)))
    kind = np.float32 if _floating(numbers) else np.int64
    padded = np.full(places.shape, pad, dtype=kind)
    padded[places] = numbers
    return torch.from_numpy(padded)


def _floating(values: Any) -> bool:
    if isinstance(values, list):
        return any(_floating(value) for value in values)
    return bool(values.dtype.kind == "f" and values.size)


def _fill(target: np.ndarray, values: Any) -> None:
    if isinstance(values, np.ndarray):
        if values.size:
            target[tuple(map(slice, values.shape))] = values
        return
    for row, value in zip(target, values, strict=False):
        _fill(row, value)
