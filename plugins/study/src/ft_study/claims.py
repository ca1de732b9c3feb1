"""Who does what, where several processes on several hosts share a folder.

A claim is a file that is created by one process alone (``O_EXCL``, atomic on local file systems and on
NFS since version 3) and touched every few seconds. Claims on one piece of work are numbered and never
deleted; only the highest number counts. Whoever finds it released, or its owner gone, creates the next
number: of several that try, one succeeds, and a stopped process that wakes up again sees that there is a
higher number than its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ft_study.results import unique, write_once

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
WAIT_SECONDS = 0.1


def host() -> str:
    """This machine since it was started, and within it this space of process numbers."""
    parts = [socket.gethostname()]
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.is_file():
        parts.append(boot.read_text().strip())
    if space.is_symlink():
        parts.append(str(space.readlink()))
    return " ".join(parts)


@dataclass
class Claim:
    """The right to do a piece of work.

    Attributes:
        folder: where the claims are.
        name: of the piece of work.
        number: of this claim on it.
    """

    folder: Path
    name: str
    number: int

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / f"{self.name}.{self.number}.json"

    def holds(self) -> bool:
        """Whether nobody has taken the work over."""
        return _highest(self.folder, self.name) == self.number

    def release(self) -> None:
        """Let others do the work, or what is left of it."""
        self.path.write_text(json.dumps({"released": True}), encoding="utf-8")

    def keep(self, lost: Callable[[], None]) -> threading.Event:
        """Touch the file from a thread of its own until the event is set.

        Args:
            lost: called, once, when somebody else has taken the work over.
        """
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                try:
                    os.utime(self.path)
                    held = self.holds()
                except OSError:
                    continue  # a shared folder may be away for a while
                if not held:
                    lost()
                    return

        threading.Thread(target=beat, daemon=True).start()
        return done


def take(folder: Path, name: str) -> Claim | None:
    """Claim a piece of work; ``None`` if somebody is at it.

    Raises:
        UserError: the folder cannot be written.
    """
    number = _highest(folder, name)
    if number and not _is_free(folder, Claim(folder, name, number).path):
        return None
    claim = Claim(folder, name, number + 1)
    owner = {"host": host(), "process": os.getpid(), "since": time.time()}
    return claim if write_once(claim.path, json.dumps(owner)) else None


@contextmanager
def claimed(folder: Path, name: str, *, wait: bool = False) -> Iterator[bool]:
    """Hold a claim; says whether it was to be had.

    Where another process takes the work over, this one stops as after Ctrl-C.

    Args:
        folder: of the claims.
        name: of the piece of work.
        wait: until the claim is to be had.

    Raises:
        UserError: the folder cannot be written.
    """
    while (claim := take(folder, name)) is None and wait:
        time.sleep(WAIT_SECONDS)
    if claim is None:
        yield False
        return
    done = claim.keep(stop)
    try:
        yield True
    finally:
        done.set()
        claim.release()


def stop() -> None:
    """Stop the run of this process as Ctrl-C does: after its step, with a checkpoint."""
    os.kill(os.getpid(), signal.SIGTERM)


def is_taken(folder: Path, name: str) -> bool:
    """Whether somebody is at a piece of work."""
    number = _highest(folder, name)
    return number > 0 and not _is_free(folder, Claim(folder, name, number).path)


def _highest(folder: Path, name: str) -> int:
    numbers = (path.name[len(name) + 1 : -len(".json")] for path in folder.glob(f"{name}.*.json"))
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _is_free(folder: Path, path: Path) -> bool:
    """Whether a claim is released, its process is gone, or it was not touched for long."""
    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        told = {}
    if told.get("released"):
        return True
    if told.get("host") == host() and not _is_alive(told.get("process")):
        return True
    return _now(folder) - path.stat().st_mtime > STALE_SECONDS


def _is_alive(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, TypeError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _now(folder: Path) -> float:
    """The time by the clock that dates the files of a folder, whatever this host's says."""
    probe = folder / f".clock.{unique()}"
    probe.touch()
    os.utime(probe)
    return probe.stat().st_mtime
