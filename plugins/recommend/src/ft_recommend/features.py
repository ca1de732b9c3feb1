"""Numbers and categories as one dense vector, the same at prediction as in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KNOTS = 12
"""Most support points of a number."""

VALUES = 200
"""Most values of a category, the most frequent ones."""

SEPARATOR = "|"


@dataclass(frozen=True)
class Features:
    """How columns become a vector.

    A number becomes its weights on the two nearest of its quantiles, which lets a linear layer
    learn any piecewise linear curve, and a sign that it is missing. A category becomes one place a
    value; an example may have several values or none.

    Attributes:
        knots: support points of each numeric column, rising.
        values: values of each categorical column that have a place.
    """

    knots: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(len(k) + 1 for k in self.knots.values()) + sum(map(len, self.values.values()))

    @classmethod
    def fit(
        cls, numbers: Mapping[str, np.ndarray], categories: Mapping[str, Sequence[str]]
    ) -> Features:
        """Choose support points and values.

        Args:
            numbers: float columns; NaN is missing.
            categories: columns of strings, several values parted by ``|``.
        """
        return cls(
            {name: knots_of(column) for name, column in numbers.items()},
            {name: values_of(column) for name, column in categories.items()},
        )

    def matrix(
        self,
        rows: int,
        numbers: Mapping[str, np.ndarray],
        categories: Mapping[str, Sequence[str]],
    ) -> np.ndarray:
        """The vectors of some rows, (rows, size) float32; columns that are not given are missing."""
        parts = []
        for name, knots in self.knots.items():
            column = numbers.get(name)
            parts.append(hats(np.full(rows, np.nan) if column is None else column, knots))
        for name, values in self.values.items():
            places = {value: k for k, value in enumerate(values)}
            part = np.zeros((rows, len(values)), np.float32)
            for row, text in enumerate(categories.get(name, ())):
                for value in split_values(text):
                    if value in places:
                        part[row, places[value]] = 1
            parts.append(part)
        return np.concatenate(parts, 1) if parts else np.zeros((rows, 0), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, read back by `from_json`."""
        return {
            "knots": {name: list(knots) for name, knots in self.knots.items()},
            "values": {name: list(values) for name, values in self.values.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Features:
        """What `to_json` wrote."""
        return cls(
            {name: tuple(knots) for name, knots in values["knots"].items()},
            {name: tuple(names) for name, names in values["values"].items()},
        )


def split_values(text: str) -> list[str]:
    """The values of a categorical cell."""
    return [value for part in text.split(SEPARATOR) if (value := part.strip())]


def knots_of(column: np.ndarray) -> tuple[float, ...]:
    """Support points of a number: its quantiles, each once."""
    known = column[np.isfinite(column)]
    if not len(known):
        return (0.0,)
    return tuple(np.unique(np.quantile(known, np.linspace(0, 1, KNOTS))).tolist())


def values_of(column: Iterable[str]) -> tuple[str, ...]:
    """The most frequent values of a category, those that stand but once left out."""
    counts = Counter(value for text in column for value in split_values(text))
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple(value for value in ranked[:VALUES] if counts[value] > 1)


def hats(column: np.ndarray, knots: Sequence[float]) -> np.ndarray:
    """Weights of numbers on their support points, (rows, knots + 1) float32.

    The weights of a known number sum to one; beyond the ends the last point has it all. The last
    place is 1 for a missing number.
    """
    rows, points = len(column), np.asarray(knots, np.float64)
    out = np.zeros((rows, len(points) + 1), np.float32)
    missing = ~np.isfinite(column)
    out[missing, -1] = 1
    known = np.flatnonzero(~missing)
    place = np.interp(column[known], points, np.arange(len(points)))
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(points) - 1)
    out[known, below] += (1 - (place - below)).astype(np.float32)
    out[known, above] += (place - below).astype(np.float32)
    return out
