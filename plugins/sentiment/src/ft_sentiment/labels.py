"""Labels: from what the data says to class ids, and the order of ratings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ft import Label

UNLABELLED = -100
"""Class id of an example without a known label; the loss leaves it out."""


def classes_of(value: Any) -> list[str]:
    """The classes that an example carries: one, or several where the label is a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def class_ids(values: Iterable[str], names: Sequence[str]) -> np.ndarray:
    """The position of each class in ``names``, `UNLABELLED` where it is not among them."""
    position = {name: i for i, name in enumerate(names)}
    return np.array([position.get(value, UNLABELLED) for value in values], dtype=np.int64)


def indicator(values: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """(examples, classes), 1 where an example carries the class; classes not in ``names`` are left out."""
    position = {name: i for i, name in enumerate(names)}
    rows = np.zeros((len(values), len(names)), dtype=np.int8)
    for row, classes in zip(rows, values, strict=True):
        row[[position[one] for one in classes if one in position]] = 1
    return rows


def targets(values: Sequence[Any], label: Label) -> list[Any]:
    """The feature column ``labels``: a class id, a list of 0.0 and 1.0, or a number an example."""
    if label.kind == "number":
        return [float(value) for value in values]
    if label.kind == "multi":
        rows: list[Any] = indicator(values, label.names).astype(float).tolist()
        return rows
    ids: list[Any] = class_ids(values, label.names).tolist()
    return ids


def as_number(name: str) -> float | None:
    """The number that a class name spells, ``None`` if it spells none."""
    try:
        number = float(name)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def rating_values(names: Sequence[str]) -> np.ndarray:
    """What each rating is worth: the number it spells, or else its rank counted from 0."""
    numbers = [as_number(name) for name in names]
    if None in numbers:
        return np.arange(len(names), dtype=float)
    return np.array(numbers, dtype=float)


def class_counts(values: Sequence[Any], names: Sequence[str]) -> np.ndarray:
    """How many examples carry each class."""
    ids = class_ids([one for value in values for one in classes_of(value)], names)
    return np.bincount(ids[ids >= 0], minlength=len(names))
