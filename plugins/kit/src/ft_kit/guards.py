"""What a run may not do while the kit watches: open the network, read or write pickles."""

from __future__ import annotations

import pickle
import socket
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill"})
_OURS = str(Path(__file__).parent)


class Refused(OSError):
    """What the guards raise."""


@contextmanager
def guarded(attempts: list[str]) -> Iterator[None]:
    """Refuse network and pickle, and note who tried, whether or not the error is caught.

    Args:
        attempts: gets ``network: ...`` and ``pickle: ...``, one line an attempt.
    """
    import torch

    def refuse(kind: str, what: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            attempts.append(f"{kind}: {what} at {_caller()}")
            raise Refused(f"{what} is refused while the plugin is checked")

        return call

    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family == getattr(socket, "AF_UNIX", None):
            return real(self, address)
        return refuse("network", f"a connection to {address}")()  # type: ignore[no-any-return]

    def resolve(host: Any, *arguments: Any, **named: Any) -> Any:
        return refuse("network", f"looking up {host!r}")()

    with ExitStack() as stack:
        stack.enter_context(patch.object(socket.socket, "connect", connect))
        stack.enter_context(patch.object(socket.socket, "connect_ex", connect))
        stack.enter_context(patch.object(socket, "getaddrinfo", resolve))
        for owner, name in (
            (pickle, "load"),
            (pickle, "loads"),
            (pickle, "dump"),
            (torch, "load"),
            (torch, "save"),
        ):
            stack.enter_context(
                patch.object(owner, name, refuse("pickle", f"{owner.__name__}.{name}"))
            )
        yield


def _caller() -> str:
    """The innermost place outside the kit and outside libraries; else the innermost one."""
    frames = [frame for frame in traceback.extract_stack() if not frame.filename.startswith(_OURS)]
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    own = [frame for frame in own if "/lib/python" not in frame.filename]
    frame = (own or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def pickles(folder: Path) -> list[str]:
    """The files below a folder that hold Python objects, by suffix or by what is in them."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (path.suffix in PICKLE_SUFFIXES or _is_pickle(path))
    ]


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(128)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if head.startswith(b"\x93NUMPY"):
        return b"'|O'" in head
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    return False
