"""What a user gives to be predicted: lines of text, or JSON objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ft.contract.errors import DataError

Request = str | dict[str, Any]
Format = Literal["auto", "text", "jsonl"]

JSON_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".conll", ".json", ".xlsx", ".gz", ".zip")


def read_requests(path: Path, form: Format = "auto") -> Iterator[Request]:
    """The requests in a file, read as they are asked for.

    Args:
        path: a text file, one text a line, or ``.jsonl``, one object (or string) a line.
        form: what it holds; ``auto`` goes by the name.

    Raises:
        DataError: it cannot be read, or a line is not what it should be; says the line.
    """
    suffix = path.suffix.lower()
    if form == "auto" and suffix in _TABLES:
        raise DataError(
            f"a {suffix} file cannot be predicted as it is",
            where=str(path),
            hint="give a text file, one text a line, or .jsonl, one object a line",
        )
    try:
        stream = path.open("rb")
    except OSError as error:
        reason = "there is no such file" if not path.exists() else error.strerror
        raise DataError(
            f"cannot be read: {reason}",
            where=str(path),
            hint=f"paths are looked up from {Path.cwd()}",
        ) from error
    as_json = suffix in JSON_LINES if form == "auto" else form == "jsonl"
    return _closing(stream, parse_requests(stream, str(path), "jsonl" if as_json else "text"))


def _closing(stream: BinaryIO, requests: Iterator[Request]) -> Iterator[Request]:
    with stream:
        yield from requests


def parse_requests(lines: Iterable[bytes], name: str, form: Format = "auto") -> Iterator[Request]:
    """The requests in lines of bytes.

    Args:
        lines: as a binary stream gives them.
        name: what to call their source.
        form: what they hold; ``auto``: JSON if the first line begins with ``{``.

    Raises:
        DataError: a line is not UTF-8, or not JSON where it should be.
    """
    for number, raw in enumerate(lines, 1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            byte = raw[error.start]
            raise DataError(
                f"not UTF-8 (byte 0x{byte:02X} at byte {error.start + 1} of the line)",
                where=f"{name}:{number}",
                hint="save it as UTF-8",
            ) from error
        if form == "auto":
            form = "jsonl" if text.lstrip().startswith("{") else "text"
        if form == "text":
            yield text
        elif text.strip():
            yield _from_json(text, f"{name}:{number}")


def _from_json(text: str, where: str) -> Request:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", where=where, hint="one object a line") from error
    if not isinstance(value, str | dict):
        raise DataError(
            f"a request is an object or a string, not {type(value).__name__}",
            where=where,
            hint='e.g. {"text": "..."}',
        )
    return value
