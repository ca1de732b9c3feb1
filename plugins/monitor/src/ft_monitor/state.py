"""The folder of a monitor: its state, and what it has told; exact after a kill at any moment.

The state says up to which byte the feed has been dealt with, and how long the files were then. What a
killed monitor wrote behind that is cut off, and written again from the same posts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ft
from ft import DataError, UserError

FORM = 1


class Folder:
    """The files of a monitor.

    Attributes:
        path: the folder.
        state: what it went on from; empty at the beginning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: dict[str, Any] = {}
        self._lock: Any = None
        self._files = {name: path / f"{name}.jsonl" for name in ("alarms", "index")}
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot be made: {error.strerror}", where=str(path)) from error
        self._claim()
        file = path / "state.json"
        if file.exists():
            try:
                self.state = json.loads(file.read_bytes())
                if self.state["form"] != FORM:
                    raise ValueError("another form")
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"is not as ft wrote it: {error}",
                    where=str(file),
                    hint="name another --output to begin anew",
                ) from error
        elif any(one.exists() and one.stat().st_size for one in self._files.values()):
            raise UserError(
                "there are alarms without a state in this folder",
                where=str(path),
                hint="name another --output",
            )
        else:  # before anything is told, so that what a killed monitor told is known to be its own
            for one in self._files.values():
                one.touch()
            self.save({})
        for name, one in self._files.items():
            kept = int(self.state.get("lengths", {}).get(name, 0))
            with one.open("ab") as stream:
                stream.truncate(kept)

    def add(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Append to ``alarms`` or ``index``."""
        if rows:
            with self._files[name].open("a", encoding="utf-8") as stream:
                stream.write("".join(ft.to_json(row) + "\n" for row in rows))
                stream.flush()
                os.fsync(stream.fileno())

    def save(self, values: Mapping[str, Any]) -> None:
        """Write the state, whole or not at all.

        Raises:
            UserError: the disk is full or not writable.
        """
        lengths = {name: one.stat().st_size for name, one in self._files.items()}
        self.state = {"form": FORM, "lengths": lengths, **values}
        try:
            ft.write_whole(self.path / "state.json", json.dumps(self.state))
        except OSError as error:
            raise UserError(
                f"cannot be written: {error.strerror}",
                where=str(self.path / "state.json"),
                hint="free some space; the monitor goes on where it was",
            ) from error

    def read(self, name: str) -> list[dict[str, Any]]:
        """The lines of ``alarms`` or ``index``."""
        return [json.loads(line) for line in self._files[name].read_bytes().splitlines()]

    def _claim(self) -> None:
        """Let no other process write here."""
        import fcntl

        self._lock = (self.path / ".lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                "another process monitors into this folder", where=str(self.path)
            ) from error

    def close(self) -> None:
        """Let others write here again."""
        self._lock.close()
