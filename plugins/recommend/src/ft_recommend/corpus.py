"""Everything that is known about items, users and what they had, and the splits made of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

import ft
from ft import ConfigError, DataError
from ft_recommend.catalogue import Catalogue
from ft_recommend.columns import Faults, Table, require
from ft_recommend.interactions import (
    SPLITS,
    TRAIN,
    VALIDATION,
    WITHHELD,
    Interactions,
    drop_later,
    hold_out,
    read_interactions,
    withhold,
)
from ft_recommend.items import kind_of, read_catalogue
from ft_recommend.settings import RecommendConfig
from ft_recommend.users import Context, Users, read_user_features

if TYPE_CHECKING:
    from ft import Run

ASIDE = "set_aside.jsonl"


@dataclass(frozen=True)
class Corpus:
    """What the splits are made from.

    Attributes:
        catalogue: the items.
        interactions: all of them, each with its use.
        users: the users, with all that they had.
        context: how the moment and the user become features.
        popularity: (items,) how often each is liked in training.
        notes: what was decided.
        files: of interactions, in the order that `Interactions.file` counts.
    """

    catalogue: Catalogue
    interactions: Interactions
    users: Users
    context: Context
    popularity: np.ndarray
    notes: list[str]
    files: list[Path]


Match = Callable[[Catalogue], Catalogue]
"""Gives a catalogue the rows that a trained model knows its items by."""


def read_corpus(
    config: RecommendConfig,
    run: Run,
    owner: str,
    draw: np.random.Generator,
    match: Match | None = None,
) -> Corpus:
    """Read and check the files and decide what each interaction is for.

    Args:
        config: the settings.
        run: takes notes and, in its folder, the rows that are set aside.
        owner: the plugin's name.
        draw: chooses the items that are withheld.
        match: for a trained model.

    Raises:
        ConfigError: no interactions or no items are named.
        DataError: a file or row does not fit.
    """
    config = _with_files(config, run, owner)
    faults = Faults()
    assert config.items is not None
    items = _read(config.items, "items", config, run, owner)
    catalogue, notes = read_catalogue(items, config, faults)
    bad_items = _bad_items(items, catalogue, config)
    if match is not None:
        catalogue = match(catalogue)
    files = {"train": config.interactions, "validation": config.validation, "test": config.test}
    settings = {"train": "interactions", "validation": "validation", "test": "test"}
    tables = {
        split: _read(path, settings[split], config, run, owner)
        for split, path in files.items()
        if path is not None
    }
    data, said = read_interactions(tables, catalogue.row_of, config, faults, bad_items)
    notes += said + _settle(faults, config, run)
    if not len(data) or not data.liked.any():
        raise DataError("there are no interactions to learn from", where=config.interactions)
    notes += _split(data, config, given=len(tables) > 1)
    if config.cold_share:
        count = round(config.cold_share * len(catalogue))
        chosen = np.zeros(len(catalogue), bool)
        chosen[draw.choice(len(catalogue), count, replace=False)] = True
        withhold(data, chosen)
        notes.append(
            f"{count:,} of {len(catalogue):,} items are withheld from training (cold_share)"
        )
    if not (data.liked & (data.use == TRAIN)).any():
        raise DataError(
            "no interaction is left for training",
            where=config.interactions,
            hint="users need two interactions or more, lower min_rating or cold_share",
        )
    users, space = _users(data, config, run, owner)
    time, last = _moments(data)
    return Corpus(
        catalogue,
        data,
        users,
        Context.fit(time, last, space),
        data.counts(len(catalogue)),
        notes,
        [Path(table.name) for table in tables.values()],
    )


def _with_files(config: RecommendConfig, run: Run, owner: str) -> RecommendConfig:
    """The settings with the starter's files where the user named none."""
    if config.interactions is not None and config.train is not None:
        raise ConfigError("interactions and train mean the same; give one", where=f"{owner}.train")
    if config.interactions is None and config.train is not None:
        config = config.model_copy(update={"interactions": config.train})
    if config.interactions is None and config.items is None:
        offered = ft.starter(owner)
        if offered is not None:
            run.note(
                f"no {owner}.interactions given: using the starter's, {offered['interactions']}"
            )
            return config.model_copy(update=offered)
    for name in ("interactions", "items"):
        if getattr(config, name) is None:
            raise ConfigError(
                f"no {name} are named",
                where=f"{owner}.{name}",
                hint=f"give `-o {owner}.{name}=FILE` (CSV, JSONL or Parquet)",
            )
    return config


def _read(path: str, setting: str, config: RecommendConfig, run: Run, owner: str) -> Table:
    plain = ft.DataConfig(encoding=config.encoding, on_bad_row=config.on_bad_row)
    rows = ft.read_table(path, config=plain, owner=owner, run=run, setting=setting)
    return Table(str(path), setting, rows.data.table)


def _bad_items(table: Table, catalogue: Catalogue, config: RecommendConfig) -> frozenset[str]:
    """Ids that stand in the file of items but did not make it into the catalogue."""
    ids = table.ids(require(table, "item", config.columns)).to_pylist()
    return frozenset(ids) - frozenset(catalogue.ids)


def _settle(faults: Faults, config: RecommendConfig, run: Run) -> list[str]:
    """Refuse rows that cannot be used, or set them aside, as the user chose."""
    if not faults.rows:
        return []
    if config.on_bad_row == "refuse":
        raise faults.error("mend the rows, or set recommend.on_bad_row = 'skip' to set them aside")
    path = Path(run.output) / ASIDE
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in faults.rows)
    path.write_text("".join(lines), encoding="utf-8")
    return [f"{len(faults.rows):,} rows that cannot be used are set aside in {path}"]


def _split(data: Interactions, config: RecommendConfig, *, given: bool) -> list[str]:
    """Decide what each interaction is for, and say so."""
    counts = np.bincount(data.user[data.liked], minlength=len(data.names))
    lone = np.flatnonzero(counts <= 1)
    notes = []
    if len(lone):
        row = int(np.flatnonzero(data.user == lone[0])[0])
        place = f"{config.interactions}:{int(data.line[row])}"
        more = f" (and {len(lone) - 1:,} more such users)" if len(lone) > 1 else ""
        what = f"user {data.names[lone[0]]!r} has one interaction or none that counts{more}"
        if config.lone_users == "refuse":
            raise DataError(
                f"{what}, so nothing can be held out",
                where=place,
                hint="leave such users out, or set recommend.lone_users = 'train'",
            )
        notes.append(
            f"{place}: {what}: trained on, not tested (recommend.lone_users = 'refuse' stops here)"
        )
    if given:
        notes.append(
            "validation and test are the files given; a history is what lies before in time"
        )
    else:
        hold_out(data)
        notes.append(
            "split by time for each user: the last interaction is for the test, the one before for "
            "validation, all earlier ones for training; a history is what lies before in time"
        )
    late = drop_later(data)
    if late:
        notes.append(
            f"{late:,} training interactions behind their user's held-out ones are left out"
        )
    if not np.isin(data.use, (VALIDATION, SPLITS["test"])).any():
        raise DataError(
            "no user has two interactions, so nothing can be tested",
            where=config.interactions,
            hint="give the interactions of users over time",
        )
    return notes


def _users(data: Interactions, config: RecommendConfig, run: Run, owner: str) -> tuple[Users, Any]:
    """The users with everything that they had, for prediction, and how their features are made."""
    starts = data.starts
    spans = list(pairwise(starts.tolist()))
    known = data.use != WITHHELD if config.cold_share else np.ones(len(data), bool)
    kept = data.liked & known
    liked = [data.item[a:b][kept[a:b]] for a, b in spans]
    seen = None if kept.all() else [data.item[a:b] for a, b in spans]
    last = np.full(len(data.names), np.nan)
    if data.time is not None:
        last = data.time[starts[1:] - 1]
    space, features = _user_features(data.names, config, run, owner)
    return Users(data.names, liked, seen, last, features), space


def _user_features(
    names: list[str], config: RecommendConfig, run: Run, owner: str
) -> tuple[Any, np.ndarray]:
    if config.users is None:
        return read_user_features(names, {}, {})
    table = _read(config.users, "users", config, run, owner)
    key = require(table, "user", config.columns)
    ids = table.ids(key).to_pylist()
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise DataError(f"user {twice!r} stands twice", where=table.name)
    row_of = {name: row for row, name in enumerate(ids)}
    rows = pa.array([row_of.get(name) for name in names], pa.int64())
    others = [name for name in table.names if name != key]
    columns = {name: table.text(name).take(rows).fill_null("").to_pylist() for name in others}
    return read_user_features(names, columns, {name: kind_of(table, name) for name in others})


def _moments(data: Interactions) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Times of the training examples and of the interactions before them."""
    from ft_recommend.examples import last_times, targets

    if data.time is None:
        return None, None
    rows = targets(data, "train")
    return data.time[rows], last_times(data, rows)
