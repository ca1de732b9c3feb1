"""The folder that a run leaves."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ft.contract.draws import SUFFIX
from ft.contract.errors import DataError, FtError, TrainingError, UserError
from ft.contract.files import PARTIAL, remove, write_whole
from ft.runfolder.lock import claim
from ft.runfolder.origin import MARK

LOCK = ".lock"
SEAL = "sha256"

_EARLY = {LOCK, "config.toml", "plugins.json", "task.json", MARK}
"""Names of the files that are there before the first step, without what marks a half written one."""

_LATER = ("metrics.jsonl", "record.json", "report.html", "checkpoints", "model")
"""Names of what a run leaves once it trains."""


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def parse(text: bytes) -> Any:
    """JSON values.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


class RunFolder:
    """Paths and plain writes of one run folder.

    Args:
        path: the folder; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None
        self._made: list[Path] = []

    @property
    def config(self) -> Path:
        """The resolved settings."""
        return self.path / "config.toml"

    @property
    def record(self) -> Path:
        """Versions, fingerprints, costs, results."""
        return self.path / "record.json"

    @property
    def plugins(self) -> Path:
        """Which plugins the run is made with, written before its first step."""
        return self.path / "plugins.json"

    @property
    def task(self) -> Path:
        """What prediction needs beside the model: schema and plugin state."""
        return self.path / "task.json"

    @property
    def metrics(self) -> Path:
        """The training log and every evaluation, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints and the best weights."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """What ``save_pretrained`` wrote."""
        return self.path / "model"

    @property
    def predictions(self) -> Path:
        """Of each scored split: its examples, their decoded predictions, tables, titles."""
        return self.path / "predictions"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.path / "report.html"

    def create(self) -> None:
        """Make a new run folder and lock it.

        A run that failed before it had anything to train on may be started again in its place.

        Raises:
            UserError: there is a run in it already, or it cannot be written.
        """
        self._refuse_another()
        made = [one for one in (self.path, *self.path.parents) if not one.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot make the run folder: {error.strerror}",
                where=str(self.path),
                hint="choose another --output",
            ) from error
        self.lock()
        try:
            # Another process may have been faster.
            self._refuse_another()
            with self._writing(self.predictions):
                self.predictions.mkdir(exist_ok=True)
        except FtError:
            self.release()
            raise
        # From here on the folder is this process's own, to be taken away if the run fails early.
        self._made = made

    def discard(self) -> None:
        """Take away what `create` made, if nothing in it is of use; call it before `release`."""
        inside = [*self.path.rglob("*")] if self._made else []
        files = [one for one in inside if not one.is_dir()]
        if self.task.exists() or not all(map(self._is_early, files)):
            return
        with suppress(OSError):
            for file in files:
                file.unlink()
            for folder in [*sorted({*inside} - {*files}, reverse=True), *self._made]:
                folder.rmdir()

    def _is_early(self, file: Path) -> bool:
        half = file.suffix == PARTIAL and file.name.startswith(tuple(f".{one}." for one in _EARLY))
        return (half or file.name in _EARLY) and file.parent == self.path

    def _refuse_another(self) -> None:
        other = next((name for name in _LATER if os.path.lexists(self.path / name)), None)
        if other and not self.task.exists():
            raise UserError(
                f"there is a '{other}' in this folder, which is not of a run that can go on",
                where=str(self.path),
                hint="choose another --output",
            )
        # Without a lock the file is not ft's: somebody's own settings beside their data.
        ours = (self.path / LOCK).exists()
        if self.config.exists() and (self.task.exists() or not ours):
            raise UserError(
                "there is a run in this folder already",
                where=str(self.path),
                hint=f"choose another --output, or go on with `ft run --resume {self.path}`",
            )

    def lock(self) -> None:
        """Make this process the only one that writes here.

        Raises:
            UserError: another process is at it, or the folder cannot be written.
        """
        stream = claim(self.path / LOCK)
        self._lock = stream
        with self._writing(self.path / LOCK):
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {socket.gethostname()}")
            stream.flush()
        # What a killed process left half written.
        for partial in [*self.path.glob(f".*{PARTIAL}"), *self.predictions.glob(f".*{PARTIAL}")]:
            remove(partial)

    def release(self) -> None:
        """Let others write here again."""
        if self._lock is not None:
            with suppress(OSError):
                self._lock.truncate(0)  # the name of this machine is of no use any more
            self._lock.close()
            self._lock = None

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line to ``metrics.jsonl``."""
        with self._writing(self.metrics):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            handle = os.open(self.metrics, flags, 0o666)
            with os.fdopen(handle, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

    def metrics_lines(self) -> int:
        """How many lines ``metrics.jsonl`` has, now that they are on the disk."""
        if not self.metrics.exists():
            return 0
        with self._writing(self.metrics), self.metrics.open("rb") as stream:
            os.fsync(stream.fileno())
            return stream.read().count(b"\n")

    def cut_metrics(self, lines: int) -> int:
        """Keep only the first lines of ``metrics.jsonl``, those a checkpoint knows of.

        Returns:
            How many there were to keep.
        """
        if not self.metrics.exists():
            return 0
        text = self.metrics.read_text(encoding="utf-8", errors="replace")
        kept = [line for line in text.splitlines(keepends=True) if line.endswith("\n")][:lines]
        self._replace(self.metrics, "".join(kept))
        return len(kept)

    def write(self, path: Path, values: Any) -> None:
        """Write JSON whole or not at all."""
        self._replace(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    def write_sealed(self, path: Path, values: Mapping[str, Any]) -> None:
        """Write a JSON object with its own hash, so that `read_sealed` notices any change."""
        plain = json.loads(json.dumps(values))
        self.write(path, {**plain, SEAL: _hash(plain)})

    def read_sealed(self, path: Path) -> dict[str, Any]:
        """Read what `write_sealed` wrote.

        Raises:
            DataError: it is not there, cannot be read, or is not as it was written.
        """
        values = self.read(path)
        if not isinstance(values, dict) or values.pop(SEAL, None) != _hash(values):
            raise DataError(
                "this file is not as ft wrote it: damaged, or changed by hand",
                where=str(path),
                hint="put back a copy of it, or train again",
            )
        return values

    def write_text(self, path: Path, text: str) -> None:
        """Write a text whole or not at all."""
        self._replace(path, text)

    def write_predictions(self, split: str, items: Iterable[Mapping[str, Any]]) -> Path:
        """Write one JSON object an example, in the order of the split."""
        path = self.predictions / f"{split}.jsonl"
        self._replace(path, (json.dumps(item, ensure_ascii=False) + "\n" for item in items))
        return path

    def write_examples(self, split: str, rows: Iterable[Mapping[str, Any]]) -> Path:
        """Write what the predictions of a split are of, in the same order.

        A value that JSON lacks, such as a date, is written as its text.
        """
        path = self.predictions / f"{split}.examples.jsonl"
        lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        self._replace(path, lines)
        return path

    def write_draws(self, split: str, content: bytes) -> None:
        """Write what the bootstrap drew for the metrics of a split (see `ft.contract.draws`)."""
        path = self.predictions / f"{split}{SUFFIX}"
        self._replace(path, content)

    def read(self, path: Path) -> Any:
        """Read one of the folder's JSON files.

        Raises:
            DataError: it is not there or cannot be read.
        """
        try:
            return parse(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot be read: {error}",
                where=str(path),
                hint="is this the folder of a finished run?",
            ) from error

    def _replace(self, path: Path, content: str | bytes | Iterable[str]) -> None:
        with self._writing(path):
            write_whole(path, content)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """Say what cannot be written, and the way on."""
        try:
            yield
        except OSError as error:
            begun = self.task.exists()
            again = f"go on with `ft run --resume {self.path}`" if begun else "start the run again"
            raise TrainingError(
                f"cannot be written: {error.strerror}",
                where=str(path),
                hint=f"free some space, then {again}",
            ) from error
