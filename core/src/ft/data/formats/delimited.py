"""CSV and TSV files with a header; every value is text."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.formats.lines import LONGEST, chunks, text_suffix

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.data.rows.bad import Sink

_BATCH_ROWS, _BATCH_CHARACTERS = 1000, 4_000_000
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars (|)"}
_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


def read_delimited(
    path: Path, name: str, encoding: str, delimiter: str | None, owner: str, sink: Sink
) -> Iterator[pa.RecordBatch]:
    """The rows as batches of text columns; the last column is the line a row begins in.

    The header tells what stands between the fields where ``delimiter`` and a line ``sep=`` do not.
    Empty lines, and comments before the header, are no rows. Quotes must be as RFC 4180 says; in
    a TSV file that has others, they are text like any character.

    Raises:
        DataError: there is no header, it names a column twice, or a quote is never closed.
    """
    lines = _Lines(path, encoding, owner)
    delimiter = _begin(lines, delimiter, path, sink)
    if lines.trouble:
        raise DataError(f"the header {lines.trouble[1]}", where=f"{name}:{lines.trouble[0]}")
    tabs = text_suffix(path) == ".tsv"
    called = _NAMES.get(delimiter, repr(delimiter))
    sink.layout = f"{'TSV' if tabs else 'CSV'} with {called}"
    if delimiter != ("\t" if tabs else ","):
        sink.note(f"the fields stand between {called}")
    quoted = not tabs or _is_quoted(path, encoding, owner, delimiter)
    if not quoted:
        sink.note("quotes are read as text, for they do not enclose fields throughout")
    rows = _rows(lines, delimiter, quoted, name, sink)
    header = _header(next(rows, None), name, sink)
    batch: list[tuple[int, list[str]]] = []
    size = 0
    for row in rows:
        if len(row[1]) == 1 < len(header) and row[1][0].startswith("#"):
            sink.leave_out("comment lines")
            continue
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
        self._again: list[tuple[int, str]] = []
        self.number = 0
        self.trouble: tuple[int, str] | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again:
            self.number, line = self._again.pop(0)
        else:
            self.number, line, trouble = next(self._lines)
            if trouble and not self.trouble:
                self.trouble = self.number, trouble
        self._row.append(line)
        return line

    def back(self, lines: list[tuple[int, str]]) -> None:
        """Give lines that were just read, with their numbers, again."""
        self._row.clear()
        self._again = lines

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


def _begin(lines: _Lines, given: str | None, path: Path, sink: Sink) -> str:
    """What stands between the fields; `lines` go on with the header, comments before it passed."""
    order = "\t,;|" if text_suffix(path) == ".tsv" else ",\t;|"
    comments: list[tuple[int, str]] = []
    first = ""
    for line in lines:
        said = _SEPARATOR.fullmatch(line)
        if said and not comments:
            given = given or said[1]
        elif line.startswith("#"):
            comments.append((lines.number, line))
        elif line.strip():
            first = line
            break
    delimiter = given or max(order, key=(first or comments[0][1] if comments else first).count)
    begin = [(lines.number, first)] if first else []
    if comments and comments[0][1].count(delimiter) >= max(1, first.count(delimiter)):
        begin, comments = [*comments, *begin], []  # a header whose first name begins with #
    if comments:
        sink.leave_out("comment lines before the header", len(comments))
    lines.back(begin)
    return delimiter


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
    twice = next((column for column, count in Counter(header).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"the header names {twice!r} twice", where=f"{name}:{line}")
    return header
