"""A file that one process at a time holds."""

from __future__ import annotations

import fcntl
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
    try:
        stream = path.open("a+")
    except OSError as error:
        raise UserError(
            f"cannot write to the run folder: {error.strerror}",
            where=str(path.parent),
            hint="make it writable, or copy it to where it is",
        ) from error
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.seek(0)
        owner = stream.read().strip() or "another process"
        stream.close()
        raise UserError(
            f"{owner} is writing to this run",
            where=str(path.parent),
            hint="wait for it to end, or choose another --output",
        ) from error
    return stream
