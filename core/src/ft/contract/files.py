"""Files that are written whole or not at all, their hashes, and values as JSON."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import IO, Any

PARTIAL = ".partial"
"""The suffix of a file that is being written."""


def write_whole(path: Path, content: str | bytes | Iterable[str]) -> None:
    """Write a file whole or not at all, also where several processes write it; makes its folder.

    Args:
        path: the file, which is replaced once everything is on the disk.
        content: a text, bytes, or the parts of a text.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial, partial.open("xb") as stream:
        for part in [content] if isinstance(content, str | bytes) else content:
            stream.write(part if isinstance(part, bytes) else part.encode())
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another name to write a file under, which is given its own name where nothing is raised.

    Nobody can guess the name and plant a link there; a link in the place of ``path`` is replaced.
    """
    partial = path.with_name(f".{path.name[:200]}.{os.urandom(8).hex()}{PARTIAL}")
    try:
        yield partial
        partial.replace(path)
    finally:
        remove(partial)


@contextmanager
def as_shell(path: Path) -> Iterator[IO[bytes]]:
    """A file that a user names, to write to as a shell's ``>`` would, but whole or not at all.

    A link is followed, a device or a named pipe is written into, a file keeps its mode.

    Raises:
        OSError: it cannot be written; a file that was there before is untouched.
    """
    path = Path(os.path.realpath(path))
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as stream:
            yield stream
        return
    with whole(path) as partial, partial.open("xb") as stream:
        if mode is not None:
            os.fchmod(stream.fileno(), stat.S_IMODE(mode))
        yield stream


def flush(path: Path) -> None:
    """See that a file, or the list of a folder's files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Delete a folder, or whatever stands in its place; what cannot be deleted stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def path_hash(path: Path) -> str:
    """sha256 of a file, or of the names and contents of all files in a folder."""
    if not path.is_dir():
        return file_hash(path)
    files = sorted(one for one in path.rglob("*") if one.is_file())
    lines = (f"{one.relative_to(path).as_posix()} {file_hash(one)}\n" for one in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def to_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON; a number that JSON lacks becomes null, and what JSON has no form for its text.

    Dataclasses become objects, numbers of numpy plain numbers.
    """
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)


def plain(value: Any, places: int | None = None) -> Any:
    """A value in the types of JSON.

    Args:
        value: anything.
        places: significant places that a number keeps; ``None``: all.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item") and not getattr(value, "ndim", 0):
        value = value.item()
    if hasattr(value, "to_json"):
        value = value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner, places) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, places) for inner in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if places is None else float(f"{value:.{places}g}")
    return value if isinstance(value, int) else str(value)
