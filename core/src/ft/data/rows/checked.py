"""Rows that a task finds fault with, set aside like those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ft.contract.schema import LINE
from ft.data.rows.bad import Sink
from ft.data.rows.derive import derive
from ft.data.rows.entry import Entry, batches

if TYPE_CHECKING:
    import pyarrow as pa

Check = Callable[[Mapping[str, Any]], str | None]
"""Says what is wrong with a row, to be read after ``file:line:``; ``None``: nothing."""


def checked(entry: Entry, name: str, check: Check | None) -> Entry:
    """An entry without the rows that a check finds fault with; they join its bad rows.

    The check runs at every reading: what it finds, not its code, decides which entry it is.

    Args:
        entry: a file as it was read.
        name: what messages call the file.
        check: is shown every row, by our names of columns.

    Raises:
        DataError: hardly any row passes.
    """
    if check is None:
        return entry
    reasons = _reasons(entry, name, check)
    if not reasons:
        return entry
    found = sorted(reasons.items())
    begin = 0

    def step(batch: pa.RecordBatch, sink: Sink) -> tuple[pa.RecordBatch, dict[int, str]]:
        nonlocal begin
        first, begin = begin, begin + batch.num_rows
        return batch, {row - first: reasons[row] for row in range(first, begin) if row in reasons}

    return derive(entry, name, ["checked", found], step)


def _reasons(entry: Entry, name: str, check: Check) -> dict[int, str]:
    """What is wrong with a row, by its position."""
    found = {}
    position = 0
    for batch in batches(entry):
        for row in batch.to_pylist():
            line = row.pop(LINE)
            try:
                reason = check(row)
            except Exception as error:
                error.add_note(f"while the row at {name}:{line} was checked")
                raise
            if reason:
                found[position] = reason
            position += 1
    return found
