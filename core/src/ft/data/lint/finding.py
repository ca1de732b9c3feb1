"""What the lint finds, and what looks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ft.contract.schema import TaskData

if TYPE_CHECKING:
    import pyarrow as pa

Severity = Literal["warning", "info"]

PLACES = 10
"""Places that a finding names."""


@dataclass(frozen=True)
class Finding:
    """Something in the data that the user should know.

    Attributes:
        severity: ``warning`` where training will suffer or can give nothing, ``info`` for the rest.
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
