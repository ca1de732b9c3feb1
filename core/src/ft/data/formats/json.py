"""JSONL files (an object a line) and JSON files: a list of objects, objects in a row, or one whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.formats.exports import Export, find_export
from ft.data.formats.json_shapes import unpack
from ft.data.formats.json_types import (
    MOST_FIELDS,
    Kind,
    Misfit,
    arrow_type,
    fit,
    has_json,
    kind_of,
    merge,
)
from ft.data.formats.lines import LONGEST, Chunk, chunks, text_suffix

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.data.rows.bad import Sink

_BATCH_ROWS, _BATCH_CHARACTERS = 1000, 4_000_000
_HEAD = 1000
"""Rows, and lines, that tell how a file is laid out."""

_SPACE = re.compile(r"[ \t\r\n]*")


class _Row(NamedTuple):
    """A row, or what is wrong with it.

    Attributes:
        line: where it begins; 0 where it is a part of one object.
        raw: as it stands in the file.
        value: the JSON value.
        trouble: what is wrong.
        item: its number in a list.
        left: why it is no example.
        layout: of the object that it is a part of.
    """

    line: int
    raw: str
    value: Any
    trouble: str | None
    item: int = 0
    left: str = ""
    layout: str = ""


def read_json(
    path: Path, name: str, encoding: str, owner: str, sink: Sink
) -> Iterator[pa.RecordBatch]:
    """The rows as batches with one Arrow type a column; the last column is the line.

    The file is read twice, for the columns' types first, so that memory stays flat. Exports of
    annotation tools are converted (see `exports`). Where several items stand in one line, their
    numbers take the place of lines.

    Raises:
        DataError: the file holds no rows in a layout that we know, or has too many columns.
    """
    head: list[_Row] = []
    with suppress(DataError):  # raised again after the rows before it
        head.extend(islice(_rows(path, name, encoding, owner), _HEAD))
    sink.layout = (head[0].layout or ("JSON" if head[0].item else "JSONL")) if head else "JSON"
    if len(head) > 1 and head[0].line == head[1].line:
        sink.unit = "item"
    export = find_export([row.value for row in head if row.trouble is None])
    if export is not None:
        sink.layout = f"export of {export.tool}"
        sink.note(f"is read as an export of {export.tool}")
    empty = not head
    del head

    def rows() -> Iterator[_Row]:
        for row in _rows(path, name, encoding, owner):
            place = row.item if sink.unit == "item" else row.line
            yield _converted(row._replace(line=place), export)

    kinds: dict[str, Kind] = {}
    misfits: set[int] = set()
    for index, row in enumerate(rows()):
        if row.left:
            sink.leave_out(row.left)
            misfits.add(index)
            continue
        trouble = row.trouble or _learn(kinds, row.value)
        if trouble:
            misfits.add(index)
            sink.reject(row.line, trouble, row.raw)
        elif len(kinds) > MOST_FIELDS:
            raise DataError(f"the rows have over {MOST_FIELDS:,} columns", where=name)
        else:
            sink.seen += 1
    if empty:
        raise DataError("holds no rows", where=name)
    batch: list[_Row] = []
    size = 0
    for index, row in enumerate(rows()):
        if index in misfits:
            continue
        batch.append(row)
        size += len(row.raw)
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield _build(batch, kinds, sink)
            batch, size = [], 0
    yield _build(batch, kinds, sink)


def _learn(kinds: dict[str, Kind], row: dict[str, Any]) -> str | None:
    """Widen the columns' kinds to hold a row, or say why it does not fit."""
    found: dict[str, Kind] = {}
    for column, value in row.items():
        if "\0" in column:
            return f"names the column {column!r}, with a NUL character in it"
        try:
            kind = kind_of(value)
            known = kinds.get(column)
            if kind != known:
                found[column] = kind if known is None else merge(known, kind)
        except Misfit as error:
            return f"the column {column!r} {error}"
    kinds.update(found)
    return None


def _build(rows: list[_Row], kinds: dict[str, Kind], sink: Sink) -> pa.RecordBatch:
    import pyarrow as pa

    def column(rows: list[_Row], name: str, kind: Kind) -> pa.Array:
        values = [row.value.get(name) for row in rows]
        if has_json(kind):
            values = [fit(value, kind) for value in values]
        return pa.array(values, arrow_type(kind))

    def build(rows: list[_Row]) -> pa.RecordBatch:
        columns = [column(rows, name, kind) for name, kind in kinds.items()]
        lines = pa.array([row.line for row in rows], pa.int64())
        return pa.RecordBatch.from_arrays([*columns, lines], [*kinds, LINE])

    try:
        return build(rows)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        fitting = []
        for row in rows:
            try:
                build([row])
            except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                sink.reject(row.line, f"cannot be held in the columns' types: {error}", row.raw)
            else:
                fitting.append(row)
        return build(fitting)


def _converted(row: _Row, export: Export | None) -> _Row:
    """A row of an annotation tool as one of ours."""
    value = row.value
    if export is not None and row.trouble is None:
        try:
            value = export.convert(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = str(error) if isinstance(error, ValueError) else f"lacks {error}"
            return row._replace(trouble=f"is no row of {export.tool}: {what}")
        if isinstance(value, str):
            return row._replace(left=value)
    if row.trouble is None and not isinstance(value, dict):
        return row._replace(trouble="is not an object, {...}")
    return row._replace(value=value)


def _rows(path: Path, name: str, encoding: str, owner: str) -> Iterator[_Row]:
    blocks = chunks(path, encoding, owner)
    head: list[Chunk] = []
    found: list[str] = []
    while not found and (chunk := next(blocks, None)):
        head.append(chunk)
        found = [line for line in islice(chunk.lines, _HEAD) if line.strip()]
    first = found[0].lstrip()[:1] if found else ""
    if first == "[":
        return _listed(chain(head, blocks), name)
    if first == "{":
        several = len(found) > 1 or text_suffix(path) != ".json"
        objects = (isinstance(_parse(line)[0], dict) for line in found)
        if len(found) > 1 and not any(objects):
            return _sequence(chain(head, blocks), name, path)
        if not several and (chunk := next(blocks, None)) is None:
            return _sequence(iter(head), name, path)
        if not several and chunk is not None:
            head.append(chunk)
    return _lines(chain(head, blocks), name)


def _sequence(blocks: Iterator[Chunk], name: str, path: Path) -> Iterator[_Row]:
    """Objects one behind the other, over several lines; a single one may hold all rows."""
    text = _Text(blocks, name)
    decoder = json.JSONDecoder(object_pairs_hook=object_of)
    waiting: _Row | None = None
    number = 0
    while text.skip(",") or text.at < len(text.text):
        text.skip("")
        line, number = text.line, number + 1
        value, raw = text.value(decoder, number)
        if waiting is not None:
            yield waiting
        waiting = _row(line, raw, value, None, number)
        text.skip("")
    if waiting is None:
        return
    if number > 1:
        yield waiting
        return
    try:
        whole = unpack(waiting.value, text_suffix(path) != ".json")
    except ValueError as error:
        raise DataError(f"is one JSON object that {error}", where=name) from error
    if whole is None:
        yield waiting
        return
    for i, value in enumerate(whole[0], 1):
        yield _row(0, json.dumps(value, ensure_ascii=False), value, None, i, whole[1])


def _lines(blocks: Iterator[Chunk], name: str) -> Iterator[_Row]:
    """An object a line; empty lines are no rows."""
    for chunk in blocks:
        for number, line in enumerate(chunk.lines, chunk.first):
            trouble = chunk.bad.get(number - chunk.first)
            if trouble:
                yield _Row(number, line, None, trouble)
            elif line.strip():
                yield _row(number, line, *_parse(line))


def _parse(text: str) -> tuple[Any, str | None]:
    try:
        return json.loads(text, object_pairs_hook=object_of), None
    except json.JSONDecodeError as error:
        return None, f"is not valid JSON: {error.msg} at character {error.pos + 1}"
    except ValueError as error:
        return None, f"is not valid JSON: {error}"
    except RecursionError:
        return None, "is nested too deeply"


def _row(
    line: int, raw: str, value: Any, trouble: str | None, item: int = 0, layout: str = ""
) -> _Row:
    if trouble is None and "\\u" in raw:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            trouble = "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
        except RecursionError:
            trouble = "is nested too deeply"
    return _Row(line, raw, value, trouble, item, layout=layout)


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for ``object_pairs_hook``; a name that stands twice is a `ValueError`."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


class _Text:
    """The part of a JSON list that is in memory."""

    def __init__(self, blocks: Iterator[Chunk], name: str) -> None:
        self._blocks = blocks
        self._name = name
        self.text = ""
        self.at = 0
        self.line = 1

    def more(self) -> bool:
        """Read on, as much again as there is; whether there was more."""
        wanted = len(self.text) - self.at
        parts = [self.text[self.at :]]
        self.at = 0
        read = 0
        while read <= wanted and (chunk := next(self._blocks, None)):
            for i, trouble in chunk.bad.items():
                raise DataError(trouble, where=f"{self._name}:{chunk.first + i}")
            parts.append("\n".join(chunk.lines) + "\n")
            read += len(parts[-1])
        self.text = "".join(parts)
        return read > 0

    def skip(self, wanted: str) -> str:
        """Past white space and one of the characters ``wanted``; the character, ``""`` at the end."""
        while True:
            self.advance(_SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.text):
                break
            if not self.more():
                return ""
        found = self.text[self.at]
        if found not in wanted:
            return ""
        self.advance(self.at + 1)
        return found

    def value(self, decoder: json.JSONDecoder, number: int) -> tuple[Any, str]:
        """The JSON value that begins here, and its text.

        Raises:
            DataError: it is none.
        """
        line = self.line
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.at)
                if end == len(self.text) and self.more():
                    continue  # a number may go on in what was just read
            except (ValueError, RecursionError) as error:
                short = len(self.text) - self.at < LONGEST
                if isinstance(error, json.JSONDecodeError) and short and self.more():
                    continue
                message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                if isinstance(error, RecursionError):
                    message = "it is nested too deeply"
                raise DataError(
                    f"is not valid JSON from here on (item {number:,}): {message}",
                    where=f"{self._name}:{line}",
                ) from error
            raw = self.text[self.at : end]
            self.advance(end)
            return value, raw

    def advance(self, to: int) -> None:
        """Go on to a position and count the lines."""
        self.line += self.text.count("\n", self.at, to)
        self.at = to


def _listed(blocks: Iterator[Chunk], name: str) -> Iterator[_Row]:
    """The elements of one list, read as they come."""
    text = _Text(blocks, name)
    decoder = json.JSONDecoder(object_pairs_hook=object_of)
    text.skip("[")
    if text.skip("]"):
        return _end(text, name)
    number = 0
    while True:
        text.skip("")
        line, number = text.line, number + 1
        value, raw = text.value(decoder, number)
        yield _row(line, raw, value, None, number)
        last = text.line
        found = text.skip(",]")
        if found == "]":
            return _end(text, name)
        if not found:
            line = text.line if text.at < len(text.text) else last
            raise DataError("the list is not closed, or lacks a comma", where=f"{name}:{line}")


def _end(text: _Text, name: str) -> None:
    text.skip("")
    if text.at < len(text.text):
        raise DataError("more text after the end of the list", where=f"{name}:{text.line}")
