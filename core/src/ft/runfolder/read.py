"""What a run folder holds, read for the report."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ft.contract.errors import DataError, UserError
from ft.contract.schema import Schema
from ft.runfolder.untrusted import refuse_files

_SPLIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*")
"""What a split may be called: a name of files, and of parts of a page."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a finished run.

    Attributes:
        path: the run's folder.
    """

    path: Path

    def check(self) -> None:
        """Refuse what is not a finished run.

        Raises:
            UserError: there is none in the folder.
        """
        if self.path.is_dir():
            refuse_files(self.path)
        if not (self.path / "record.json").is_file():
            begun = (self.path / "task.json").is_file()
            raise UserError(
                "this run is not finished" if begun else "there is no finished run here",
                where=str(self.path),
                hint=f"go on with `ft run --resume {self.path}`"
                if begun
                else "give the folder that `ft run` printed at its end",
            )

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """What ``record.json`` holds."""
        found = self._json("record.json")
        place = str(self.path / "record.json")
        if not isinstance(found, dict) or not isinstance(found.get("metrics"), dict):
            raise DataError("this is not the record of a run", where=place)
        odd = next((name for name in found["metrics"] if not _SPLIT.fullmatch(name)), None)
        if odd is not None:
            raise DataError(f"{odd!r} cannot be the name of a split", where=place)
        return found

    @cached_property
    def config(self) -> str:
        """The text of ``config.toml``."""
        return self._text("config.toml")

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The values of ``config.toml``."""
        try:
            return tomllib.loads(self.config)
        except tomllib.TOMLDecodeError as error:
            raise DataError(str(error), where=str(self.path / "config.toml")) from error

    @cached_property
    def schema(self) -> Schema:
        """What the columns of the examples are."""
        return Schema.from_json(self._json("task.json")["schema"])

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``."""
        if not (self.path / "metrics.jsonl").exists():
            return []
        return list(self._lines("metrics.jsonl"))

    def tables(self, split: str) -> list[dict[str, Any]]:
        """The tables of a scored split."""
        name = f"predictions/{split}.tables.json"
        return self._json(name) if (self.path / name).exists() else []

    def titles(self, split: str) -> dict[str, str]:
        """What ids in the predictions of a split are called."""
        name = f"predictions/{split}.titles.json"
        return self._json(name) if (self.path / name).exists() else {}

    def has_examples(self, split: str) -> bool:
        """Whether the examples of a split are there beside their predictions."""
        return all((self.path / name).exists() for name in self._pair(split))

    def pairs(self, split: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each example of a split with its prediction, one at a time.

        Raises:
            DataError: there are not as many of the one as of the other.
        """
        examples, items = self._pair(split)
        try:
            yield from zip(self._lines(examples), self._lines(items), strict=True)
        except ValueError as error:
            raise DataError(
                f"not as many lines as {examples}: {error}", where=str(self.path / items)
            ) from error

    def _pair(self, split: str) -> tuple[str, str]:
        return f"predictions/{split}.examples.jsonl", f"predictions/{split}.jsonl"

    def _text(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}", where=str(self.path / name)) from error

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._text(name))
        except json.JSONDecodeError as error:
            raise DataError(f"is not JSON: {error}", where=str(self.path / name)) from error

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.path / name
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise DataError(f"is not JSON: {error}", where=f"{path}:{number}") from error
