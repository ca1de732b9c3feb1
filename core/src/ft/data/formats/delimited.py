"""CSV and TSV files with a header; every value is text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.formats.lines import LONGEST, chunks

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.data.rows.bad import Sink

_BATCH_ROWS, _BATCH_CHARACTERS = 1000, 4_000_000
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons"}


def read_delimited(
    path: Path, name: str, encoding: str, owner: str, sink: Sink
) -> Iterator[pa.RecordBatch]:
    """The rows as batches of text columns; the last column is the line a row begins in.

    The header tells what stands between the fields. Empty lines are no rows. Quotes must be as
    RFC 4180 says; in a TSV file that has others, they are text like any character.

    Raises:
        DataError: there is no header, it names a column twice, or a quote is never closed.
    """
    lines = _Lines(path, encoding, owner)
    header_line = next(lines, "")
    while header_line and not header_line.strip():
        header_line = next(lines, "")
    if lines.trouble:
        raise DataError(f"the header {lines.trouble[1]}", where=f"{name}:{lines.trouble[0]}")
    delimiter = _delimiter(header_line, path)
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    if delimiter != usual:
        sink.note(f"the fields stand between {_NAMES[delimiter]}")
    quoted = path.suffix.lower() != ".tsv" or _is_quoted(path, encoding, owner, delimiter)
    if not quoted:
        sink.note("quotes are read as text, for they do not enclose fields throughout")
    lines.back(header_line)
    rows = _rows(lines, delimiter, quoted, name, sink)
    header = _header(next(rows, None), name, sink)
    batch: list[tuple[int, list[str]]] = []
    size = 0
    for row in rows:
        if len(row[1]) != len(header):
            found = f"{len(row[1])} field{'' if len(row[1]) == 1 else 's'}"
            sink.reject(row[0], f"has {found}, the header names {len(header)}", lines.raw)
            continue
        batch.append(row)
        size += len(lines.raw)
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield _build(header, batch)
            batch, size = [], 0
    yield _build(header, batch)


def _build(header: list[str], batch: list[tuple[int, list[str]]]) -> pa.RecordBatch:
    import pyarrow as pa

    values = zip(*(row for _, row in batch), strict=True) if batch else [[] for _ in header]
    columns = [pa.array(column, pa.string()) for column in values]
    numbers = pa.array([line for line, _ in batch], pa.int64())
    return pa.RecordBatch.from_arrays([*columns, numbers], [*header, LINE])


class _Lines:
    """The lines of a file for `csv.reader`, remembering those of the row in hand.

    Attributes:
        number: the line read last.
        trouble: what is wrong with a line of the row in hand, and which.
    """

    def __init__(self, path: Path, encoding: str, owner: str) -> None:
        self._chunks = chunks(path, encoding, owner, keep_ends=True)
        self._lines: Iterator[tuple[int, str, str | None]] = (
            (number, line, chunk.bad.get(number - chunk.first))
            for chunk in self._chunks
            for number, line in enumerate(chunk.lines, chunk.first)
        )
        self._row: list[str] = []
        self._again: str | None = None
        self.number = 0
        self.trouble: tuple[int, str] | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again is not None:
            line, self._again = self._again, None
        else:
            self.number, line, trouble = next(self._lines)
            if trouble and not self.trouble:
                self.trouble = self.number, trouble
        self._row.append(line)
        return line

    def back(self, line: str) -> None:
        """Give the line just read again."""
        self._row.clear()
        if line:
            self._again = line

    @property
    def raw(self) -> str:
        """The row in hand as it stands in the file."""
        return "".join(self._row).rstrip("\r\n")

    @property
    def first(self) -> int:
        """The line in which the row in hand begins."""
        return self.number - len(self._row) + 1

    def next_row(self) -> None:
        """Forget the row in hand."""
        self._row.clear()
        self.trouble = None


def _reader(lines: Iterator[str], delimiter: str, quoted: bool) -> Iterator[list[str]]:
    if csv.field_size_limit() < LONGEST:
        csv.field_size_limit(LONGEST)  # the module's own limit refuses long documents
    if quoted:
        return csv.reader(lines, delimiter=delimiter, strict=True)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _rows(
    lines: _Lines, delimiter: str, quoted: bool, name: str, sink: Sink
) -> Iterator[tuple[int, list[str]]]:
    reader = _reader(lines, delimiter, quoted)
    while True:
        lines.next_row()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = str(error)
            if "unexpected end of data" in reason or "field larger" in reason:
                raise DataError(
                    "a quoted field in the row that begins here is never closed",
                    where=f"{name}:{lines.first}",
                    hint='a quote inside a quoted field is written twice: ""',
                ) from error
            sink.reject(lines.first, f"is not valid CSV: {reason}", lines.raw)
            continue
        if lines.trouble:
            sink.reject(*lines.trouble, lines.raw)
        elif row:
            yield lines.first, row


def _delimiter(header: str, path: Path) -> str:
    """What the header has most of; its format's own in doubt."""
    order = "\t,;" if path.suffix.lower() == ".tsv" else ",\t;"
    return max(order, key=header.count)


def _is_quoted(path: Path, encoding: str, owner: str, delimiter: str) -> bool:
    """Whether all quotes of a TSV file are where they can enclose a field, none over line ends."""
    lines = _Lines(path, encoding, owner)
    try:
        for row in _reader(lines, delimiter, quoted=True):
            if any("\n" in field for field in row):
                return False
    except csv.Error:
        return False
    return True


def _header(row: tuple[int, list[str]] | None, name: str, sink: Sink) -> list[str]:
    if row is None or sink.bad:
        what = "the header cannot be read" if sink.bad else "is empty"
        raise DataError(what, where=name, hint="the first line must name the columns")
    line, header = row
    for i, column in enumerate(header):
        if not column:
            header[i] = f"column_{i + 1}"
            sink.note(f"column {i + 1} has no name; it is called {header[i]!r}")
    twice = [column for i, column in enumerate(header) if column in header[:i]]
    if twice:
        raise DataError(f"the header names {twice[0]!r} twice", where=f"{name}:{line}")
    return header
