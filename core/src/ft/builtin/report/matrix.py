"""Confusion matrices: counted, cut to what can be read, found among the tables of an evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST = 20
"""Classes that a matrix shows; of more, those with the most errors."""

NONE = ""
"""Stands for no span at all."""

Counts = Mapping[tuple[str, str], int]
"""Examples by gold and predicted class."""


@dataclass(frozen=True)
class Matrix:
    """Counts of gold (row) and predicted (column) classes.

    Attributes:
        names: the classes.
        counts: (classes, classes).
        note: how to read it, and what is left out.
    """

    names: Sequence[str]
    counts: Sequence[Sequence[int]]
    note: str

    def shares(self) -> list[list[float]]:
        """Each count as a share of its row."""
        return [[count / (sum(row) or 1) for count in row] for row in self.counts]


def matrix(counts: Counts, names: Sequence[str], note: str) -> Matrix:
    """Lay out counts.

    Args:
        counts: by gold and predicted class.
        names: the classes in their order; others follow.
        note: how to read it.
    """
    every = list(dict.fromkeys([*names, *sorted({name for key in counts for name in key})]))
    shown = every
    if len(every) > MOST:
        errors: Counter[str] = Counter()
        for (gold, found), count in counts.items():
            if gold != found:
                errors[gold] += count
                errors[found] += count
        worst = {name for name, _ in sorted(errors.items(), key=lambda one: -one[1])[:MOST]}
        shown = [name for name in every if name in worst] or every[:MOST]
        left = len(every) - len(shown)
        note = f"{note}; the {len(shown)} classes with the most errors, {left} others are left out"
    cells = [[counts.get((gold, found), 0) for found in shown] for gold in shown]
    return Matrix(shown, cells, note)


def confusions(counts: Counts, most: int = 15) -> list[tuple[str, str, int]]:
    """The most frequent errors: gold class, predicted class, how often."""
    wrong = [(gold, found, count) for (gold, found), count in counts.items() if gold != found]
    return sorted(wrong, key=lambda one: (-one[2], one[0], one[1]))[:most]


def counts_of(table: Mapping[str, Any]) -> dict[tuple[str, str], int] | None:
    """The counts of a table that is a square of whole numbers with the same names on both sides."""
    names = [str(name) for name in table["columns"][1:]]
    rows = table["rows"]
    if len(names) < 2 or [str(row[0]) for row in rows] != names:
        return None
    if not all(isinstance(cell, int) for row in rows for cell in row[1:]):
        return None
    return {
        (gold, found): count
        for gold, row in zip(names, rows, strict=True)
        for found, count in zip(names, row[1:], strict=True)
        if count
    }
