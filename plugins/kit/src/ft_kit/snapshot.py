"""Copies of what a hook is given, and what became of the original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch


def copied(value: Any) -> Any:
    """A deep copy of columns, tensors and arrays; anything else is shared."""
    if isinstance(value, Mapping):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [copied(inner) for inner in value]
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def changed(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where a value is not what it was: ``['labels'][3]``; no more than one place a key."""
    if isinstance(before, Mapping):
        if not isinstance(now, Mapping):
            yield place
            return
        for key in [*before, *(key for key in now if key not in before)]:
            if key not in before or key not in now:
                yield f"{place}[{key!r}]"
            else:
                yield from list(changed(before[key], now[key], f"{place}[{key!r}]"))[:1]
    elif isinstance(before, list):
        if not isinstance(now, list | tuple) or len(before) != len(now):
            yield place
            return
        for i, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from changed(one, other, f"{place}[{i}]")
    elif not _same(before, now):
        yield place


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        one, other = one.float().numpy(force=True), other.float().numpy(force=True)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        exact = one.dtype.kind not in "fc"
        return bool(np.array_equal(one, other, equal_nan=not exact))
    if isinstance(one, float) and isinstance(other, float) and one != one:
        return other != other
    return type(one) is type(other) and bool(one == other)
