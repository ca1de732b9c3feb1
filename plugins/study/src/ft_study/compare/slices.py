"""Examples by the values of a column."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ft import UserError, did_you_mean

if TYPE_CHECKING:
    from datasets import Dataset

MOST = 20
"""Slices of a column."""

BINS = 4
"""Slices of a column of many numbers."""

REST, NOTHING = "(others)", "(none)"


def slices(rows: Dataset, column: str, name: str = "the data") -> dict[str, list[int]]:
    """The positions of the rows by the value of a column, the most frequent first.

    Many numbers are cut into quarters; of many other values the rare ones stand together.

    Raises:
        UserError: there is no such column, or it holds lists or tables.
    """
    if column not in rows.column_names:
        raise UserError(
            f"{name} has no column '{column}'",
            where=f"--by {column}",
            hint=did_you_mean(column, rows.column_names)
            or f"its columns are {', '.join(rows.column_names)}",
        )
    values = rows[column][:]
    if any(isinstance(value, list | dict) for value in values):
        raise UserError(
            f"the column '{column}' holds lists or tables, and no values to slice by",
            where=f"--by {column}",
            hint="name a column of texts, numbers or truth values",
        )
    named = _bins(values) or [NOTHING if value is None else str(value) for value in values]
    counts = Counter(named)
    kept = [name for name, _ in counts.most_common(MOST if len(counts) <= MOST else MOST - 1)]
    found: dict[str, list[int]] = {name: [] for name in kept}
    for row, name in enumerate(named):
        found.setdefault(name if name in kept else REST, []).append(row)
    return found


def _bins(values: list[Any]) -> list[str] | None:
    """The quarter of each of many different numbers; ``None`` where they are few, or not numbers."""
    numbers = [value for value in values if value is not None]
    if not all(type(value) in (int, float) for value in numbers) or len(set(numbers)) <= MOST:
        return None
    edges = np.quantile(np.array(numbers, float), np.linspace(0, 1, BINS + 1))
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    inner = edges[1:-1]
    return [
        NOTHING if value is None else names[int(np.searchsorted(inner, float(value), "left"))]
        for value in values
    ]
