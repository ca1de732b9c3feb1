"""Examples of older runs among the new ones (Robins 1995; Rolnick et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from datasets import Dataset
from pydantic import Field

import ft
from ft import Config, DataError, Plugin, PluginError, Run, Schema, TaskData, hookimpl
from ft_refresh.labels import grown

STORED = "replay.jsonl"
"""The file in a run's folder that holds the examples which are kept for later."""


class ReplayConfig(Config):
    """Settings of ``replay``."""

    run: tuple[Path, ...] = Field(
        (), description="folders of older runs, whose training data is read again"
    )
    file: tuple[Path, ...] = Field(
        (), description="files of stored examples, as `store` writes them"
    )
    share: float = Field(
        0.2,
        gt=0,
        description="old examples that an epoch sees, as a share of the new ones; others each time",
    )
    choose: Literal["random", "balanced"] = Field(
        "random", description="old examples: each alike, or those of rare classes more often"
    )
    store: int | None = Field(
        None,
        gt=0,
        description=f"at the end, keep so many examples, half of them old ones, in {STORED} of the run's "
        "folder, for a later replay; they hold texts",
    )


class Replay(Plugin):
    """Trains on some examples of older runs too, others in every epoch."""

    Config: ClassVar[type[Config]] = ReplayConfig
    config: ReplayConfig
    after = ("from_run",)

    own = 0
    """The new examples: the old ones stand behind them."""

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """No older run: it keeps some examples for later ones."""
        return {"store": 4}

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """The new examples, and the old ones behind them."""
        data = inner(run)
        if run.restored:
            return data
        _refuse_positions(data)
        self.own = len(data.splits["train"])
        for folder in self.config.run:
            data = self._with_run(data, run, folder)
        for file in self.config.file:
            path = run.uses(file)
            rows = Dataset.from_list(list(_stored(path, data.schema)))
            data = _with_names(data, rows).with_rows("train", rows)
        if self.config.run or self.config.file:
            count = len(data.splits["train"]) - self.own
            note = f"replay: {self._wanted(count):,} of {count:,} old examples in every epoch"
            data = replace(data, notes=[*data.notes, note])
        return data

    def _with_run(self, data: TaskData, run: Run, folder: Path) -> TaskData:
        trained = run.load_trained(folder)
        try:
            old = trained.data()
        except ft.FtError as error:
            raise DataError(
                f"the data of the older run cannot be read: {error.what}",
                where=str(folder),
                hint="name stored examples in replay.file, or leave out replay: l2sp, lwf and wise "
                "need no old examples",
            ) from error
        data = replace(data, schema=_united(data.schema, trained.schema, folder))
        for path in old.files.get("train", ()):
            run.uses(path)
        columns = [*data.schema.columns(), ft.LINE, ft.FILE]
        rows = old.splits["train"]
        rows = rows.select_columns([name for name in columns if name in rows.column_names])
        return data.with_rows("train", rows, old.files.get("train", ()))

    def _wanted(self, count: int) -> int:
        return min(count, int(np.ceil(self.config.share * self.own)))

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Run, epoch: int) -> Any:
        """The new examples of an epoch, and a part of the old ones among them."""
        ids = inner(run, epoch)
        assert run.data is not None
        whole = len(run.data.splits["train"])
        if whole == self.own:
            return ids
        ids = np.asarray(ids)
        if ids.ndim != 1:
            raise PluginError(
                "replay chooses examples one by one, and another plugin's order fixes whole batches",
                hint="leave out replay, or the plugin that orders batches",
            )
        old = np.arange(self.own, whole)
        odds = _odds(run.data, old) if self.config.choose == "balanced" else None
        wanted = self._wanted(len(old))
        chosen = self.rng_at(epoch).choice(old, wanted, replace=False, p=odds)
        return ids[(ids < self.own) | (ids >= whole) | np.isin(ids, chosen)]

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Say what will be kept."""
        if self.config.store:
            run.note(f"replay.store: {self.config.store:,} examples will be kept in {STORED}")

    @hookimpl
    def on_run_end(self, run: Run) -> None:
        """Keep examples for later runs."""
        if not self.config.store or not run.ranks.main or run.data is None:
            return
        rows, schema = run.data.splits["train"], run.data.schema
        # Half of them old ones, so that what was known first is not thinned out by every refresh.
        parts = [np.arange(self.own), np.arange(self.own, len(rows))]
        count = min(self.config.store // 2, len(parts[1]))
        chosen: list[int] = []
        for part, wanted in zip(parts, (self.config.store - count, count), strict=True):
            odds = _odds(run.data, part) if self.config.choose == "balanced" else None
            size = min(wanted, len(part))
            found = self.rng_at("store").choice(part, size, replace=False, p=odds) if size else ()
            chosen += [int(one) for one in found]
        kept = rows.select_columns(list(schema.columns())).select(sorted(chosen))
        text = "".join(f"{ft.to_json(row)}\n" for row in kept)
        ft.write_whole(run.output / STORED, text)


def _refuse_positions(data: TaskData) -> None:
    """Refuse examples that name others by their position, as histories of a recommendation do.

    Raises:
        PluginError: they do, and an older run may number what they name otherwise.
    """
    rows, named = data.splits["train"], set(data.schema.columns())
    for name, kind in rows.features.items():
        inner = getattr(kind, "feature", None)
        if name not in named and str(getattr(inner, "dtype", "")).startswith("int"):
            raise PluginError(
                f"the examples hold positions ('{name}'), which an older run may number otherwise",
                hint="leave out replay, and train on all the data again",
            )


def _united(schema: Schema, old: Schema, folder: Path) -> Schema:
    """The schema with the classes of an older run too, each at the place that it has already."""
    whole = grown(schema, old, folder)
    mine = grown(whole, schema, folder)
    return replace(
        mine,
        words=mine.words
        and schema.words
        and replace(mine.words, splitter=schema.words.splitter, cut=schema.words.cut),
    )


def _with_names(data: TaskData, rows: Dataset) -> TaskData:
    """The data with the classes that stored rows have too, behind those that are there."""
    schema = data.schema
    if schema.words and schema.words.tags:
        found = sorted({tag for tags in rows[schema.words.tags] for tag in tags})
        labels = tuple(dict.fromkeys((*schema.words.labels, *found)))
        return replace(data, schema=replace(schema, words=replace(schema.words, labels=labels)))
    targets = [
        replace(one, names=tuple(dict.fromkeys((*one.names, *_names(rows[one.column])))))
        if one.names
        else one
        for one in schema.targets
    ]
    return replace(data, schema=replace(schema, targets=targets))


def _names(values: Any) -> list[str]:
    each = [value if isinstance(value, list) else [value] for value in values if value is not None]
    return sorted({one for some in each for one in some if isinstance(one, str)})


def _odds(data: TaskData, ids: np.ndarray) -> np.ndarray:
    """The chance of each example, (ids,), higher where its classes are rare."""
    rows = data.splits["train"].select(ids)
    of: list[set[str]] = [set() for _ in ids]
    for target in data.schema.targets:
        if target.kind in ("tags", "single", "multi", "ordinal"):
            for row, value in enumerate(rows[target.column]):
                names = value if isinstance(value, list) else [value]
                of[row] |= {ft.tags.split_tag(str(one))[1] or str(one) for one in names}
    counts: dict[str, int] = {}
    for names in of:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    odds = np.array([max((1 / counts[name] for name in names), default=1.0) for names in of])
    return odds / odds.sum()


def _stored(path: Path, schema: Schema) -> Iterator[Mapping[str, Any]]:
    """The rows of a file of stored examples.

    Raises:
        DataError: it is no such file; says the line.
    """
    columns = list(schema.columns())
    count = 0
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            missing = [one for one in columns if not isinstance(row, dict) or one not in row]
            if missing:
                raise DataError(
                    f"this is no stored example: it lacks {', '.join(missing)}",
                    where=f"{path}:{number}",
                    hint=f"replay.file takes files that replay.store wrote ({STORED} in the folder of "
                    "a run)",
                )
            count += 1
            yield {name: row[name] for name in columns}
    if not count:
        raise DataError("there are no stored examples in this file", where=str(path))
