"""Whether a run was made by this user on this machine, so that plugin files which it names may run.

A run folder that came from somebody else could name any Python file of this machine. A run that is
made here is marked with a keyed hash (HMAC, RFC 2104) of the plugins that its user named; the key
stays in the user's own state folder.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MARK = "origin.txt"
"""The file in a run folder that holds the keyed hash."""

_KEY_BYTES = 32


def mark(folder: Path, specs: Sequence[str]) -> None:
    """Note in a run folder that this user named these plugins.

    Where the user has no state folder that can be written, nothing is noted: such a run needs
    ``--trust-plugins`` later.
    """
    key = _key(make=True)
    if key is not None:
        (folder / MARK).write_text(f"{_hash(key, specs)}\n", encoding="ascii")


def made_here(folder: Path, specs: Sequence[str]) -> bool:
    """Whether `mark` was called here, by this user, for the same plugins."""
    key, path = _key(make=False), folder / MARK
    if key is None or not path.is_file():
        return False
    with path.open("rb") as stream:
        return hmac.compare_digest(stream.read(200).strip(), _hash(key, specs).encode())


def _hash(key: bytes, specs: Sequence[str]) -> str:
    return hmac.new(key, json.dumps(list(specs)).encode(), hashlib.sha256).hexdigest()


def key_file() -> Path:
    """Where the user's key is.

    Raises:
        RuntimeError: the user has no home.
    """
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "ft" / "key"


def _key(*, make: bool) -> bytes | None:
    """The user's key, made at first use; ``None`` if it is not there and cannot be made."""
    try:
        path = key_file()
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=path.parent) as stream:
                stream.write(secrets.token_bytes(_KEY_BYTES))
                stream.flush()
                with suppress(FileExistsError):  # another run made it at the same time
                    os.link(stream.name, path)
    except (OSError, RuntimeError):
        return None
    try:
        about = path.lstat()
        own = about.st_uid == os.geteuid() and not about.st_mode & 0o077
        key = path.read_bytes() if own else b""
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None
