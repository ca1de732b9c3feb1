"""Finished runs, as their folders tell of them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ft import DataError, Draws, Metric, UserError, read_draws

SPLIT = "test"


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        path: its folder.
        record: what ``record.json`` holds.
    """

    path: Path
    record: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Finished:
        """The run in a folder.

        Raises:
            DataError: it is not finished, cannot be read, or was not scored on test data.
        """
        file = path / "record.json"
        try:
            record = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            started = (path / "config.toml").is_file()
            raise DataError(
                "this run is not finished" if started else "there is no finished run here",
                where=str(path),
                hint=f"finish it: ft run --resume {path}"
                if started
                else "give the folder that `ft run` printed at its end",
            ) from error
        if not isinstance(record, Mapping) or not {"data", "metrics"} <= set(record):
            raise DataError("this is not as ft wrote it", where=str(file))
        if SPLIT not in record["metrics"]:
            raise DataError(
                "this run was not scored on test data",
                where=str(path),
                hint="run it again with test data: -o TASK.test=FILE",
            )
        return cls(path, record)

    @property
    def name(self) -> str:
        """What to call it."""
        return self.path.resolve().name

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The scores on the test split."""
        return {name: Metric(**told) for name, told in self.record["metrics"][SPLIT].items()}

    @property
    def main(self) -> str | None:
        """The metric that chose the best model."""
        best: Mapping[str, Any] = self.record.get("best") or {}
        return self.record.get("main") or best.get("metric")

    @cached_property
    def draws(self) -> dict[str, Draws]:
        """What the bootstrap drew for the metrics of the test split."""
        return read_draws(self.path, SPLIT)

    @property
    def tested_on(self) -> str:
        """The fingerprint of the test split."""
        return str(self.record["data"][SPLIT]["fingerprint"])

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting by dotted key.

        Raises:
            DataError: ``config.toml`` cannot be read.
        """
        file = self.path / "config.toml"
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read: {error}", where=str(file)) from error
        flat = {"plugins": tables.pop("plugins", [])}
        for table, values in tables.items():
            flat |= {f"{table}.{key}": value for key, value in values.items()}
        return flat


def same_test_data(runs: Sequence[Finished]) -> None:
    """Refuse runs that were scored on different test data.

    Raises:
        UserError: they were; says which, and on what.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.tested_on != first.tested_on:
            raise UserError(
                f"these runs were scored on different test data, so their scores cannot be compared: "
                f"{_tested(first)}; {_tested(other)}",
                where=str(other.path),
                hint="score one on the data of the other by running it again with the same "
                "`TASK.test`",
            )


def _tested(run: Finished) -> str:
    data = run.record["data"][SPLIT]
    files = ", ".join(data.get("files") or ()) or "no file"
    return f"{run.name} on {data['examples']} examples of {files} ({data['fingerprint'][:12]})"


def paired(one: Finished, other: Finished, metric: str) -> tuple[Draws, Draws] | None:
    """The draws of a metric of two runs; ``None`` where they are not of the same test items."""
    ours, theirs = one.draws.get(metric), other.draws.get(metric)
    if ours is None or theirs is None or not ours.paired(theirs):
        return None
    return ours, theirs
