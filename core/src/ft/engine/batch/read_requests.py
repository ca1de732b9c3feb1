"""What a user gives to be predicted: texts, JSON objects, rows of a table; read as they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

from ft.contract.errors import DataError

Request = str | dict[str, Any]
Format = Literal["auto", "text", "jsonl", "json", "csv", "tsv", "parquet"]


@dataclass(frozen=True)
class BadRequest:
    """A request that cannot be read, in the place of the request.

    Attributes:
        error: what is wrong with it, and where it stands.
    """

    error: DataError


_FORMATS: Mapping[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_OTHERS = (".arrow", ".conll", ".xlsx", ".zip", ".spacy", ".ann")
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
_DELIMITERS = ",;\t|"


def read_requests(path: Path, form: Format = "auto") -> Iterator[Request | BadRequest]:
    """The requests in a file.

    Args:
        path: texts, one a line; ``.jsonl``; ``.json``, an array; ``.csv`` or ``.tsv`` with a header;
            ``.parquet``. All but the last may be compressed (``.gz``).
        form: what it holds; ``auto`` goes by the name.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    names = [suffix.lower() for suffix in path.suffixes]
    compressed = names[-1:] == [".gz"]
    suffix = (names[-2:-1] if compressed else names[-1:]) or [""]
    if form == "auto" and suffix[0] in _IMAGES:
        raise DataError(
            "an image is no file of requests",
            where=str(path),
            hint=f"give a file with a path on each line: echo {path.name} | ft predict RUN -",
        )
    if form == "auto" and suffix[0] in _OTHERS:
        raise DataError(
            f"a {suffix[0]} file cannot be predicted as it is",
            where=str(path),
            hint="give texts, one a line, or .jsonl, .json, .csv, .tsv, .parquet",
        )
    if form == "auto":
        form = _FORMATS.get(suffix[0], "text")
    try:
        stream = path.open("rb")
    except OSError as error:
        reason = "there is no such file" if not path.exists() else error.strerror
        raise DataError(
            f"cannot be read: {reason}",
            where=str(path),
            hint=f"paths are looked up from {Path.cwd()}",
        ) from error
    return _closing(stream, form, str(path), compressed)


def _closing(
    stream: IO[bytes], form: Format, name: str, compressed: bool
) -> Iterator[Request | BadRequest]:
    import gzip  # here and below: the command line imports this module for its help

    with stream:
        if form == "parquet":
            yield from _parquet(stream, name)
            return
        lines: Iterable[bytes] = gzip.GzipFile(fileobj=stream) if compressed else stream
        try:
            yield from parse_requests(lines, name, form)
        except (EOFError, gzip.BadGzipFile) as error:
            raise DataError(f"the file is damaged: {error}", where=name) from error


def parse_requests(
    lines: Iterable[bytes], name: str, form: Format = "auto"
) -> Iterator[Request | BadRequest]:
    """The requests in lines of bytes.

    Args:
        lines: as a binary stream gives them.
        name: what to call their source.
        form: what they hold; ``auto`` goes by the first line: an object is ``jsonl``, a list is
            ``json``, and a header with a column ``text``, ``tokens`` or ``id`` is ``csv``.

    Raises:
        DataError: the source as a whole cannot be read.
    """
    lines = iter(lines)
    if form == "auto":
        first = next(lines, b"")
        form, lines = _guess(first), chain([first] if first else [], lines)
    if form == "parquet":
        raise DataError("Parquet cannot be read from a stream", where=name, hint="name a file")
    if form == "json":
        yield from _array(b"".join(lines), name)
    elif form in ("csv", "tsv"):
        yield from _table(lines, name, form)
    else:
        for number, raw in enumerate(lines, 1):
            where = f"{name}:{number}"
            text = _decoded(raw, number == 1, where)
            if isinstance(text, BadRequest) or form == "text":
                yield text
            elif text.strip():
                yield _from_json(text, where)


def _guess(line: bytes) -> Format:
    text = line.decode("utf-8-sig", "replace").strip()
    if text.startswith("{"):
        return "jsonl"
    if text.startswith("["):
        return "json"
    names = {cell.strip(' "').lower() for cell in text.split(_delimiter(text))}
    return "csv" if len(names) > 1 and names & {"text", "tokens", "id"} else "text"


def _delimiter(header: str) -> str:
    """The delimiter of a table, by its header."""
    return max(_DELIMITERS, key=header.count)


def _decoded(raw: bytes, first: bool, where: str) -> str | BadRequest:
    try:
        return raw.decode("utf-8-sig" if first else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        return BadRequest(
            DataError(
                f"not UTF-8 (byte 0x{byte:02X} at byte {error.start + 1} of the line)",
                where=where,
                hint="save it as UTF-8",
            )
        )


def _from_json(text: str, where: str) -> Request | BadRequest:
    from ft.data.formats.json import object_of

    try:
        value = json.loads(text, object_pairs_hook=object_of)
    except (ValueError, RecursionError) as error:
        return BadRequest(DataError(f"not JSON: {error}", where=where, hint="one object a line"))
    return checked(value, where)


def _array(content: bytes, name: str) -> Iterator[Request | BadRequest]:
    """The items of a JSON array, or the one object that the file is."""
    from ft.data.formats.json import object_of

    try:
        value = json.loads(content.decode("utf-8-sig"), object_pairs_hook=object_of)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"not JSON: {error}", where=name, hint="an array of objects or texts; or use .jsonl"
        ) from error
    if (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(inner := next(iter(value.values())), list)
    ):
        value = inner  # {"data": [...]}
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield checked(item, f"{name}, item {number}")


def _table(lines: Iterable[bytes], name: str, form: Format) -> Iterator[Request | BadRequest]:
    """The rows of a delimited table, by the names in its first line."""
    import csv

    from ft.data.formats.lines import LONGEST

    if csv.field_size_limit() < LONGEST:
        csv.field_size_limit(LONGEST)  # the module's own limit refuses long documents
    try:
        texts = _texts(lines)
        header = next(texts, "")
        delimiter = "\t" if form == "tsv" else _delimiter(header)
        names = next(csv.reader([header], delimiter=delimiter), [])
        rows = csv.reader(texts, delimiter=delimiter)
        for cells in rows:
            if not cells:
                continue
            where = f"{name}:{rows.line_num + 1}"
            if len(cells) == len(names):
                yield checked(dict(zip(names, cells, strict=True)), where)
            else:
                what = f"{len(cells)} values under {len(names)} columns"
                hint = 'a value that holds the delimiter stands in "quotes"'
                yield BadRequest(DataError(what, where=where, hint=hint))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot be read: {error}", where=name, hint="save it as UTF-8") from error


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.decode("utf-8" if number else "utf-8-sig")


def _parquet(stream: IO[bytes], name: str) -> Iterator[Request | BadRequest]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ft.data.formats.parquet import batches_of

    try:
        file = pq.ParquetFile(stream)
        number = 0
        for batch in batches_of(file, 1024):
            for row in batch.to_pylist():
                number += 1
                yield checked(row, f"{name}, row {number}")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", where=name) from error


def checked(value: Any, where: str) -> Request | BadRequest:
    """A value as a request, if it is a text or an object of valid texts.

    Args:
        value: anything.
        where: it was given.
    """
    if not isinstance(value, str | Mapping):
        what = "nothing" if value is None else f"of type {type(value).__name__}"
        return BadRequest(
            DataError(
                f"a request is a text or an object, and this is {what}",
                where=where,
                hint='e.g. {"text": "..."}',
            )
        )
    texts = [value] if isinstance(value, str) else [*value, *value.values()]
    if any(isinstance(text, str) and not _is_valid(text) for text in texts):
        return BadRequest(DataError("the text holds half of a surrogate pair", where=where))
    return value if isinstance(value, str) else dict(value)


def _is_valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
