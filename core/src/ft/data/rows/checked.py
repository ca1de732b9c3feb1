"""Rows that a task finds fault with, set aside like those that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ft.contract.errors import raise_all
from ft.contract.schema import LINE
from ft.data.rows.bad import Hopeless, Sink, hopeless_errors
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry
from ft.data.tables import open_entry

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
    key = make_key("checked", entry.folder.name, [[row, reasons[row]] for row in sorted(reasons)])
    try:
        return cached(key, lambda sink: _parted(entry, reasons, sink))
    except Hopeless as error:
        raise_all(hopeless_errors(error, name))
        raise


def _reasons(entry: Entry, name: str, check: Check) -> dict[int, str]:
    """What is wrong with a row, by its position."""
    found = {}
    position = 0
    for batch in _batches(entry):
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


def _parted(entry: Entry, reasons: Mapping[int, str], sink: Sink) -> Iterator[pa.RecordBatch]:
    """The good rows; the bad ones go to the sink in the order of their lines."""
    import pyarrow as pa

    sink.seen = entry.rows - len(reasons)
    for note in entry.notes:
        sink.note(note)
    bad = [(row["line"], row["reason"], row["raw"]) for row in entry.bad_rows()]
    begin = 0
    for batch in _batches(entry):
        places = [begin + i for i in range(batch.num_rows)]
        for i, place in enumerate(places):
            if place in reasons:
                (row,) = batch.slice(i, 1).to_pylist()
                line = row.pop(LINE)
                raw = json.dumps(row, ensure_ascii=False, default=str)
                bad.append((line, reasons[place], raw))
        begin += batch.num_rows
        yield batch.filter(pa.array([place not in reasons for place in places]))
    for line, reason, raw in sorted(bad):
        sink.reject(line, reason, raw)


def _batches(entry: Entry) -> Iterator[pa.RecordBatch]:
    yield from open_entry(entry).data.table.to_batches()
