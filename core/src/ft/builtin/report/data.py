"""What the data is like: lengths, numbers, how often each label occurs, what the look at it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ft.contract.results import Table

LABELS = 40
"""Labels that are listed by name."""

SPREAD = ("min", "median", "p95", "max")
FINDINGS, PLACES = 60, 5


@dataclass(frozen=True)
class LabelRow:
    """How often a label occurs: in each split, and in percent of the most frequent in the first."""

    name: str
    counts: Sequence[int]
    share: float


@dataclass(frozen=True)
class LabelCounts:
    """How often labels occur.

    Attributes:
        of: what was counted: examples, spans or words.
        splits: the columns.
        rows: the most frequent labels.
        note: what is left out.
    """

    of: str
    splits: Sequence[str]
    rows: Sequence[LabelRow]
    note: str


def spreads(record: Mapping[str, Any]) -> Table | None:
    """Lengths and numbers of every column and split."""
    rows = []
    for split, row in record.get("data", {}).items():
        known = row.get("statistics", {})
        for column, one in known.get("lengths", {}).items():
            rows.append(
                (split, f"{one['unit']} of {column}", *(_whole(one.get(k)) for k in SPREAD))
            )
        for column, one in known.get("numbers", {}).items():
            rows.append((split, column, *(one.get(k) for k in SPREAD)))
        if "groups" in known:
            rows.append((split, "different groups", None, None, None, known["groups"]))
    columns = ("split", "", "least", "median", "95 % have at most", "most")
    return Table("Lengths and numbers", columns, tuple(rows)) if rows else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def label_counts(record: Mapping[str, Any]) -> LabelCounts | None:
    """How often each label occurs in each split, by its frequency in the first."""
    found = {
        split: row["statistics"]["labels"]
        for split, row in record.get("data", {}).items()
        if "labels" in row.get("statistics", {})
    }
    if not found:
        return None
    names = dict.fromkeys(name for one in found.values() for name in one["counts"])
    counts = {name: [one["counts"].get(name, 0) for one in found.values()] for name in names}
    top = max((row[0] for row in counts.values()), default=0) or 1
    listed = [LabelRow(name, row, 100 * row[0] / top) for name, row in counts.items()]
    others = sum(one.get("others", 0) for one in found.values())
    left = len(listed) - LABELS
    note = f"the {LABELS} most frequent; {left} others are left out" if left > 0 or others else ""
    return LabelCounts(next(iter(found.values()))["of"], list(found), listed[:LABELS], note)


def findings(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Severity, message and places of what the look at the data found."""
    rows = []
    for one in record.get("findings", ())[:FINDINGS]:
        places = ", ".join(one.get("places", ())[:PLACES])
        rows.append((one["severity"], one["message"], places))
    return rows
