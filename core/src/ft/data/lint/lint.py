"""A look at the data before training, in the spirit of ``spacy debug data``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ft.contract.schema import TaskData

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

Severity = Literal["error", "warning", "info"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "info")

PLACES = 10
"""Places that a finding names."""

SMALL = 30
"""With fewer examples, a score has an interval of a third of the whole scale or more."""


@dataclass(frozen=True)
class Finding:
    """Something in the data that the user should know.

    Attributes:
        severity: ``error`` where training can give nothing, ``warning`` where it will suffer,
            ``info`` for the rest.
        code: what kind of finding it is, such as ``empty-text``.
        message: one sentence.
        places: the first places, ``file:line``.
        count: how many there are in all.
    """

    severity: Severity
    code: str
    message: str
    places: tuple[str, ...] = ()
    count: int = 1


class Check(Protocol):
    """One kind of look at the rows, all of them in one pass."""

    def see(self, split: str, first: int, table: pa.Table) -> None:
        """Look at some rows of a split, of which the first is row ``first``."""

    def findings(self) -> Iterator[Finding]:
        """What was found in all the rows."""


def places(data: TaskData, rows: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Where the first of the rows ``(split, row)`` come from, each place once."""
    found: dict[str, None] = {}
    for split, row in rows:
        if len(found) == PLACES:
            break
        found[data.place(split, int(row))] = None
    return tuple(found)


def lint(
    data: TaskData, tokenizer: PreTrainedTokenizerBase | None = None, max_length: int | None = None
) -> list[Finding]:
    """Look for what makes training or its scores worse than they need be.

    Knows the task by the schema alone. One pass over the rows; what is kept of a row is its hash.

    Args:
        data: what `load_data` returned.
        tokenizer: the model's, to tell lengths and what it does not know; left out without.
        max_length: tokens a window; default: the tokenizer's own limit.

    Returns:
        The findings, errors first.
    """
    from ft.data.lint.duplicates import Duplicates
    from ft.data.lint.labels import Labels
    from ft.data.lint.lengths import Lengths
    from ft.data.lint.strings import Strings
    from ft.data.rows.hashing import tables

    checks: list[Check] = [Duplicates(data), Labels(data), Strings(data)]
    if tokenizer is not None:
        checks.append(Lengths(data, tokenizer, max_length))
    for split, rows in data.splits.items():
        first = 0
        for table in tables(rows):
            for check in checks:
                check.see(split, first, table)
            first += table.num_rows
    found = [*_small(data), *(finding for check in checks for finding in check.findings())]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def _small(data: TaskData) -> Iterator[Finding]:
    """Splits that are too small to score a model on."""
    what = {"validation": "which epoch is best", "test": "what is scored on it"}
    for split, told in what.items():
        rows = len(data.splits[split]) if split in data.splits else SMALL
        if rows < SMALL:
            yield Finding(
                "warning",
                f"small-{split}",
                f"{split} has {rows:,} example{'' if rows == 1 else 's'}: "
                f"with fewer than {SMALL}, {told} is mostly chance",
                count=rows,
            )


def some(names: Sequence[object], most: int = 8) -> str:
    """The first of some names, for a message."""
    shown = ", ".join(map(str, names[:most]))
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
