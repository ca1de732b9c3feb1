"""Posts as they come: a line of JSON each, with a time, a text, and perhaps source and entities."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ft import DataError

HOUR = 3600
LONGEST = 10_000
"""Characters of a post that are read."""

AHEAD = 3600
"""Seconds that a post's clock may be ahead of this machine's."""


@dataclass(frozen=True)
class Post:
    """A post.

    Attributes:
        time: seconds since 1970, UTC.
        text: what it says.
        source: who said it; "" where that is not told.
        entities: what it is about.
        key: the same for a repost: a hash of its text, or of its id where it has one.
    """

    time: float
    text: str
    source: str
    entities: tuple[str, ...]
    key: str


@dataclass(frozen=True)
class Line:
    """A line of the feed.

    Attributes:
        end: the byte behind it.
        post: what it says; ``None`` where ``wrong`` says why it is none.
        wrong: what is wrong with it.
    """

    end: int
    post: Post | None
    wrong: str = ""


def parse(raw: bytes, key: str = "time") -> Post:
    """A post from a line of JSON.

    Args:
        raw: the line.
        key: names the time at which the post could be known.

    Raises:
        ValueError: it is none; says why.
    """
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(row, dict):
        raise ValueError("not an object")
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("has no 'text'")
    entities: list[Any] = []
    for key_of in ("entity", "entities"):
        given = row.get(key_of)
        many = [given] if isinstance(given, str) else given or []
        if not isinstance(many, list) or not all(isinstance(one, str) for one in many):
            raise ValueError(f"'{key_of}' is neither a text nor a list of texts")
        entities += [one.strip() for one in many]
    content = str(row["id"]) if row.get("id") is not None else " ".join(text.casefold().split())
    digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return Post(
        seconds(row.get(key), key),
        text[:LONGEST].encode("utf-8", "replace").decode(),
        str(row.get("source") or ""),
        tuple(dict.fromkeys(one for one in entities if one)),
        digest,
    )


def seconds(value: Any, key: str = "time") -> float:
    """A time as seconds since 1970: ISO 8601 (UTC where it names no zone), seconds or milliseconds.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"has no '{key}'")
    if isinstance(value, int | float):
        found = value / 1000 if value > 1e11 else float(value)
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValueError(f"'{key}' is {str(value)!r}, no time of ISO 8601") from error
        found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= found < 1e11:
        raise ValueError(f"'{key}' is {value!r}, which is out of range")
    if found > time.time() + AHEAD:
        raise ValueError(f"'{key}' is {value!r}, which is in the future")
    return float(found)


def lines(file: Path, start: int, key: str, *, follow: float = 0) -> Iterator[Line | None]:
    """The lines of a feed from a byte on.

    Args:
        file: JSONL.
        start: the byte behind the last line that was dealt with.
        key: names the time.
        follow: seconds to wait for more at the end; 0: end there.

    Yields:
        The lines; ``None`` where there are no more for now. A last line without its end is not
        complete, and waits where the file is followed.

    Raises:
        DataError: the file is not there, or is shorter than it was.
    """
    try:
        stream = file.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(file)) from error
    with stream:
        if start > stream.seek(0, 2):
            raise DataError(
                f"is shorter than the {start:,} bytes that were read of it",
                where=str(file),
                hint="is it another feed? give it another --output",
            )
        stream.seek(start)
        yield from _read(stream, start, key, follow)


def _read(stream: BinaryIO, at: int, key: str, follow: float) -> Iterator[Line | None]:
    part = b""
    while True:
        raw = stream.readline()
        part += raw
        if not raw or not part.endswith(b"\n"):
            if raw:
                continue
            if follow:
                yield None
                time.sleep(follow)
                continue
            if not part:
                return
        at += len(part)
        whole, part = part, b""
        if whole.strip():
            try:
                yield Line(at, parse(whole, key))
            except ValueError as error:
                yield Line(at, None, str(error))
