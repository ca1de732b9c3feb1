"""Whether what `decode` answers follows from what the model is given and says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

FEATURES = "features"
"""What stands beside the model's outputs of an example: the features that it was encoded to."""

TRIES = 3
"""Other outputs that are decoded."""

OTHER_IDS = 8
"""Ids to choose from, where an untrained model says one over and over."""

Outputs = Sequence[Mapping[str, Any]]


def outputs_alike(outputs: Outputs) -> bool:
    """Whether the model says the same of every example, or nothing but one number over and over.

    Where it gives ids alone, as of a text that it writes, only that there are none counts: a model that
    has not learnt may write the same for every example.
    """
    arrays = [list(_arrays(one)) for one in outputs]
    if len({len(one) for one in arrays}) != 1 or not arrays[0]:
        return False
    columns = [
        column
        for column in zip(*arrays, strict=True)
        if any(one.dtype.kind == "f" for one in column) or not any(one.size for one in column)
    ]
    return bool(columns) and all(map(_alike, columns))


def answers_alike(decode: Callable[[Outputs], Any], outputs: Outputs) -> bool:
    """Whether the answers are the same, whatever the model says.

    Args:
        decode: gives the answers of outputs.
        outputs: those of the model. In their place others are tried, drawn at random.

    Returns:
        ``False`` too where other outputs cannot be decoded: then nothing is known.
    """
    rng = np.random.default_rng(0)
    wanted = _said(decode(outputs))
    for _ in range(TRIES):
        others = [{key: _other(key, value, rng) for key, value in one.items()} for one in outputs]
        try:
            if _said(decode(others)) != wanted:
                return False
        except Exception:  # outputs at random may be no outputs of such a model
            return False
    return True


def _arrays(output: Mapping[str, Any]) -> list[np.ndarray]:
    """The arrays of an example in the order of their names."""
    found: list[np.ndarray] = []
    for key in sorted(output.keys() - {FEATURES}):
        value = output[key]
        found += map(np.asarray, value if isinstance(value, list) else [value])
    return found


def _alike(arrays: Sequence[np.ndarray]) -> bool:
    first = arrays[0]
    if all(np.array_equal(one, first) for one in arrays):
        return True
    return len({value for one in arrays for value in np.unique(one).tolist()}) <= 1


def _other(key: str, value: Any, rng: np.random.Generator) -> Any:
    """Something at random of the same shape and type."""
    if key == FEATURES:
        return value
    if isinstance(value, list):
        return [_other(key, one, rng) for one in value]
    array = np.asarray(value)
    if array.dtype.kind == "f":
        return rng.normal(scale=5.0, size=array.shape).astype(array.dtype)
    if array.dtype.kind == "b":
        return rng.random(array.shape) < 0.5
    if array.dtype.kind in "iu" and array.size:
        least = array.min()
        return rng.integers(least, max(array.max() + 1, least + OTHER_IDS), array.shape).astype(
            array.dtype
        )
    return value


def _said(items: Any) -> str:
    """The answers as text; without the numbers, where there is anything else to compare."""
    whole = json.dumps(items, sort_keys=True, default=str)
    words = json.dumps(_without_numbers(items), sort_keys=True, default=str)
    return words if any(_words(_without_numbers(items))) else whole


def _without_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_numbers(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_numbers(one) for one in value]
    return None if isinstance(value, float | np.floating) else value


def _words(value: Any) -> list[Any]:
    """The leaves that are there."""
    if isinstance(value, Mapping):
        return [leaf for one in value.values() for leaf in _words(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in _words(one)]
    return [] if value is None else [value is not None]
