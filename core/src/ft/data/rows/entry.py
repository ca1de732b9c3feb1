"""A file as it was read, kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, BAD = "rows.arrow", "bad.jsonl"
"""The files of an entry: its rows as an Arrow stream, and the rows set aside."""


@dataclass(frozen=True)
class Entry:
    """A file as it was read.

    Attributes:
        folder: where it is kept.
        rows: rows that were read.
        bad: rows that could not be.
        notes: what the reader decided for the user.
        columns: the file's name for each of our columns.
        left_out: rows that are no examples, by the reason; not malformed.
        layout: how the file is written, such as ``CSV with semicolons``.
        unit: what the numbers of rows count: ``line`` or, for one, ``item``.
    """

    folder: Path
    rows: int
    bad: int
    notes: tuple[str, ...]
    columns: dict[str, str] = field(default_factory=dict, hash=False)
    left_out: dict[str, int] = field(default_factory=dict, hash=False)
    layout: str = ""
    unit: str = "line"

    @property
    def arrow(self) -> str:
        """The Arrow stream."""
        return str(self.folder / ROWS)

    def bad_rows(self) -> Iterator[dict[str, Any]]:
        """What was set aside: ``line``, ``reason`` and ``raw`` of each row."""
        with (self.folder / BAD).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def batches(entry: Entry) -> Iterator[pa.RecordBatch]:
    """An entry's batches, at least one; read, not mapped, so that no page stays in memory."""
    import pyarrow as pa

    with pa.OSFile(entry.arrow) as file, pa.ipc.open_stream(file) as stream:
        yield pa.RecordBatch.from_pylist([], schema=stream.schema)
        yield from stream
