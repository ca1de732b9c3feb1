"""The folder of a search: what it is of, its runs, and which of them somebody is at."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from ft import DataError, UserError

DATABASE = "study.db"
SEARCH = "search.json"


class SearchFolder:
    """A folder with the runs of a search.

    Args:
        path: the folder; it is made if it is not there.

    Attributes:
        path: the folder.
        id: tells it from the folders of the same study on other machines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.id = ""

    @property
    def base(self) -> Path:
        """The settings that the search starts from."""
        return self.path / "base.toml"

    @property
    def best(self) -> Path:
        """The settings of the best run."""
        return self.path / "best.toml"

    @property
    def result(self) -> Path:
        """Every trial, the best and the importances, as JSON."""
        return self.path / "tune.json"

    @property
    def page(self) -> Path:
        """The same for people."""
        return self.path / "tune.html"

    def run(self, number: int) -> Path:
        """The run of a trial."""
        return self.path / "runs" / f"{number:04}"

    def begin(self, about: Mapping[str, Any], base: str) -> None:
        """Make the folder that of a search, or see that it is that of this one.

        Args:
            about: what may not change in it, by what it is, each by its key.
            base: the settings that the search starts from, as TOML.

        Raises:
            UserError: it is another search's, or not a search's, or cannot be written.
        """
        file = self.path / SEARCH
        try:
            (self.path / "locks").mkdir(parents=True, exist_ok=True)
            with self.locked("search", wait=True):
                if not file.exists():
                    self._refuse_others()
                    write_whole(self.base, base)
                    kept = {"id": uuid4().hex, **about}
                    write_whole(file, json.dumps(kept, indent=2))
        except OSError as error:
            raise UserError(f"cannot be written: {error.strerror}", where=str(self.path)) from error
        try:
            kept = json.loads(file.read_bytes())
            self.id = kept["id"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"cannot be read: {error}", where=str(file)) from error
        refuse_changed(kept, about, str(self.path), "choose another --output")

    def _refuse_others(self) -> None:
        if any(one.name != "locks" for one in self.path.iterdir()):
            raise UserError(
                "there is something else in this folder",
                where=str(self.path),
                hint="choose another --output",
            )

    @contextmanager
    def locked(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a lock that ends with this process, however it ends; says whether it was to be had.

        Args:
            name: of the lock.
            wait: until it is to be had.
        """
        with (self.path / "locks" / name).open("a") as stream:
            yield _lock(stream, wait)


def _lock(stream: IO[str], wait: bool) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def refuse_changed(
    kept: Mapping[str, Any], now: Mapping[str, Any], where: str, remedy: str
) -> None:
    """Refuse to mix two searches.

    Raises:
        UserError: something is not as it was; says what.
    """
    for what, values in now.items():
        before = kept.get(what)
        if before == values:
            continue
        which = f" ({before}, not {values})"
        if isinstance(before, dict) and isinstance(values, dict):
            changed = [key for key in {**before, **values} if before.get(key) != values.get(key)]
            which = f"; not the same: {', '.join(sorted(changed))}"
        raise UserError(
            f"this is a search with other {what}{which}",
            where=where,
            hint=f"{remedy}, or give the {what} that it was begun with",
        )


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
