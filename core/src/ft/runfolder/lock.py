"""A file that one process at a time holds."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from ft.contract.errors import UserError


def claim(path: Path) -> IO[str]:
    """Hold a file until it is closed, or this process ends.

    Args:
        path: of the file, in the folder of a run; who holds it is written in it.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    while True:
        try:
            # A link in the place of the file is not followed: it could lead to somebody's file.
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            stream = os.fdopen(handle, "r+")
        except OSError as error:
            raise UserError(
                f"cannot write to the run folder: {error.strerror}",
                where=str(path.parent),
                hint="make it writable, or copy it to where it is",
            ) from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = stream.read().strip() or "another process"
            stream.close()
            raise UserError(
                f"{owner} is writing to this run",
                where=str(path.parent),
                hint="wait for it to end, or choose another --output",
            ) from error
        if _is_there(stream, path):
            return stream
        stream.close()  # who held it before has deleted the file meanwhile


def _is_there(stream: IO[str], path: Path) -> bool:
    """Whether a path still names an open file."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False
