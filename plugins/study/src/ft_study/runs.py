"""Finished runs, as their folders tell of them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ft import DataError, Draws, Metric, Schema, UserError, read_draws

T = TypeVar("T")

SPLIT = "test"


@dataclass(frozen=True)
class Finished:
    """A finished run, or one of several tasks of one.

    Attributes:
        path: its folder.
        record: what ``record.json`` holds.
        task: the one of several tasks; ``None``: the whole run.
    """

    path: Path
    record: Mapping[str, Any]
    task: str | None = None

    @classmethod
    def read(cls, path: Path) -> Finished:
        """The run in a folder; ``FOLDER:TASK`` is one of the tasks of a run of several.

        Raises:
            DataError: it is not finished, cannot be read, or was not scored on test data.
            UserError: it has no such task.
        """
        folder, colon, task = str(path).rpartition(":")
        if colon and not path.exists() and Path(folder).is_dir():
            whole = cls.read(Path(folder))
            if task not in whole.tasks:
                raise UserError(
                    f"this run has no task '{task}'",
                    where=folder,
                    hint=f"its tasks are {', '.join(whole.tasks)}"
                    if whole.tasks
                    else "it is not a run of several tasks: name the folder alone",
                )
            return cls(whole.path, whole.record, task)
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
        name = self.path.resolve().name
        return name if self.task is None else f"{name}:{self.task}"

    @cached_property
    def tasks(self) -> dict[str, dict[str, str]]:
        """Of a run of several tasks, the columns of each one's schema by those of the run."""
        told = self._schema()["extra"].get("tasks", {})
        found = {}
        for name, one in told.items():
            known = set(Schema.from_json(one["schema"]).columns())
            found[name] = {whole: own for whole, own in one["columns"].items() if own in known}
        return found

    def _own(self, told: Mapping[str, T]) -> dict[str, T]:
        """What is told by metric, those of the task under its own names."""
        start = "" if self.task is None else f"{self.task}/"
        return {k.removeprefix(start): one for k, one in told.items() if k.startswith(start)}

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The scores on the test split."""
        told = self._own(self.record["metrics"][SPLIT])
        return {name: Metric(**one) for name, one in told.items()}

    @property
    def main(self) -> str | None:
        """The metric that chose the best model; of a task ``None`` where it was another's or all tasks'."""
        best: Mapping[str, Any] = self.record.get("best") or {}
        name = self.record.get("main") or best.get("metric")
        return name if self.task is None else next(iter(self._own({name: name})), None)

    @cached_property
    def draws(self) -> dict[str, Draws]:
        """What the bootstrap drew for the metrics of the test split."""
        return self._own(read_draws(self.path, SPLIT))

    @property
    def tested_on(self) -> str:
        """The fingerprint of the test split."""
        return str(self.record["data"][SPLIT]["fingerprint"])

    @cached_property
    def examples_hash(self) -> str:
        """The hash of the test examples by the columns that the run, or the task, knows."""
        folder = self.path / "predictions"
        rows = _lines(folder / f"{SPLIT}.examples.jsonl")
        if self.task is None:
            columns = {name: name for name in Schema.from_json(self._schema()).columns()}
        else:
            columns = self.tasks[self.task]
            found = _lines(folder / f"{SPLIT}.jsonl")
            rows = [row for row, one in zip(rows, found, strict=True) if self.task in one]
        own = [{name: row.get(whole) for whole, name in columns.items()} for row in rows]
        return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()

    def _schema(self) -> Any:
        return _read(self.path / "task.json")["schema"]

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


def _read(file: Path) -> Any:
    """A JSON file of a run.

    Raises:
        DataError: it is not there, or no JSON.
    """
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot be read: {error}", where=str(file)) from error


def _lines(file: Path) -> list[dict[str, Any]]:
    """The objects of a file with one a line.

    Raises:
        DataError: it is not there, or no JSON.
    """
    try:
        return [json.loads(line) for line in file.read_bytes().splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot be read: {error}", where=str(file)) from error


def same_test_data(runs: Sequence[Finished]) -> None:
    """Refuse runs that were scored on different test data.

    Raises:
        UserError: they were; says which, and on what.
    """
    first = runs[0]
    tasks = any(run.task is not None for run in runs)
    for other in runs[1:]:
        ours, theirs = ((run.examples_hash if tasks else run.tested_on) for run in (first, other))
        if ours != theirs:
            raise UserError(
                f"these runs were scored on different test data, so their scores cannot be compared: "
                f"{_tested(first)}; {_tested(other)}",
                where=str(other.path),
                hint="let both answer the same examples: `ft compare OLD NEW --data FILE`, or --data "
                "old:test",
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
