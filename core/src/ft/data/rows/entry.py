"""A file as it was read, kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """

    folder: Path
    rows: int
    bad: int
    notes: tuple[str, ...]

    @property
    def arrow(self) -> str:
        """The Arrow stream."""
        return str(self.folder / ROWS)

    def bad_rows(self) -> Iterator[dict[str, Any]]:
        """What was set aside: ``line``, ``reason`` and ``raw`` of each row."""
        with (self.folder / BAD).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
