"""Who had which item, when: read, checked, in order of time, and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ft import DataError
from ft_recommend.columns import Faults, Table, find, numbers, require
from ft_recommend.moments import ORDER, moments, span
from ft_recommend.settings import RecommendConfig

TRAIN, VALIDATION, TEST, WITHHELD = 0, 1, 2, 3
"""What an interaction is for."""

SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


@dataclass
class Interactions:
    """Interactions, those of a user together and in order of time.

    Attributes:
        names: the users.
        user: (rows,) int32, index into ``names``, rising.
        item: (rows,) int32, row in the catalogue.
        rating: (rows,) float64, ``None`` if the data has none.
        time: (rows,) float64, seconds since 1970, ``None`` if the data has none.
        line: (rows,) int64, where each stands in its file.
        file: (rows,) int8, the file.
        use: (rows,) int8, `TRAIN`, `VALIDATION`, `TEST` or `WITHHELD`.
        liked: (rows,) bool, whether it counts as a positive.
    """

    names: list[str]
    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray | None
    time: np.ndarray | None
    line: np.ndarray
    file: np.ndarray
    use: np.ndarray
    liked: np.ndarray

    def __len__(self) -> int:
        return len(self.user)

    @property
    def starts(self) -> np.ndarray:
        """(users + 1,) the first row of each user, and the end."""
        return np.searchsorted(self.user, np.arange(len(self.names) + 1))

    def counts(self, items: int, uses: Sequence[int] = (TRAIN,)) -> np.ndarray:
        """How often each item is liked in some splits, (items,) int64."""
        chosen = self.liked & np.isin(self.use, uses)
        return np.bincount(self.item[chosen], minlength=items)


def read_interactions(
    tables: Mapping[str, Table],
    row_of: Mapping[str, int],
    config: RecommendConfig,
    faults: Faults,
    bad_items: frozenset[str] = frozenset(),
) -> tuple[Interactions, list[str]]:
    """The interactions of one or several files, in order, and notes.

    Args:
        tables: by split; where there is only ``train``, `hold_out` makes the others.
        row_of: the catalogue's rows by id.
        config: the settings.
        faults: takes the rows that cannot be used; they are left out.
        bad_items: items that were themselves faulty: theirs are left out with them.

    Raises:
        DataError: a column is not there, or files differ in having ratings or timestamps.
    """
    parts = [_read(table, row_of, config, faults, bad_items) for table in tables.values()]
    _same_columns(tables, parts)
    keys = ("user", "item", "rating", "time", "line")
    joined = {
        key: None if parts[0][key] is None else np.concatenate([part[key] for part in parts])
        for key in keys
    }
    sizes = [len(np.asarray(part["item"])) for part in parts]
    use = np.repeat([SPLITS[split] for split in tables], sizes).astype(np.int8)
    file = np.repeat(np.arange(len(parts)), sizes).astype(np.int8)
    encoded = pc.dictionary_encode(pa.array(joined["user"], pa.string()))
    names = encoded.dictionary.to_pylist()
    user = np.asarray(encoded.indices.to_numpy(zero_copy_only=False)).astype(np.int32)
    time, rating = joined["time"], joined["rating"]
    order = np.arange(len(user))
    if time is not None:
        order = order[np.argsort(time, kind="stable")]
    order = order[np.argsort(user[order], kind="stable")]
    liked = np.ones(len(user), bool)
    notes = []
    if config.min_rating is not None:
        if rating is None:
            raise DataError(
                "recommend.min_rating is set, but the interactions have no ratings",
                where=next(iter(tables.values())).name,
            )
        liked = np.asarray(rating >= config.min_rating)
        notes.append(
            f"{int(liked.sum()):,} of {len(liked):,} ratings are {config.min_rating:g} or more and count as liked"
        )
    made = Interactions(
        names,
        user[order],
        np.asarray(joined["item"])[order],
        None if rating is None else rating[order],
        None if time is None else time[order],
        np.asarray(joined["line"])[order],
        file[order],
        use[order],
        liked[order],
    )
    if made.time is not None and len(made):
        hows = list(dict.fromkeys(part["how"] for part in parts))
        if ORDER in hows and len(hows) > 1:
            other = next(how for how in hows if how != ORDER)
            raise DataError(
                f"the timestamps of one file are {ORDER}; those of another are {other}",
                where=" and ".join(table.name for table in tables.values()),
                hint="give moments of one kind in all files",
            )
        notes.append(span(made.time, hows[0] if len(hows) == 1 else "of several kinds"))
    return made, notes + _order_notes(made)


def _read(
    table: Table,
    row_of: Mapping[str, int],
    config: RecommendConfig,
    faults: Faults,
    bad_items: frozenset[str],
) -> dict[str, Any]:
    users = table.ids(require(table, "user", config.columns))
    items = table.ids(require(table, "item", config.columns))
    known = pc.index_in(items, pa.array(list(row_of), pa.string()))
    rows = np.asarray(pc.fill_null(known, -1).to_numpy(zero_copy_only=False))
    keep = rows >= 0
    told = ~keep & ~np.isin(np.array(items.to_pylist(), dtype=str), list(bad_items))
    shown = items.filter(pa.array(told)).to_pylist()
    faults.add(table, told, "the item {} is not in the catalogue", [repr(item) for item in shown])
    nobody = np.asarray(pc.equal(users, "").to_numpy(zero_copy_only=False))
    faults.add(table, nobody, "the interaction has no user")
    keep &= ~nobody
    rating = time = how = None
    column = find(table, "rating", config.columns)
    if column is not None:
        rating = numbers(table, column, faults, "rating")
        keep &= np.isfinite(rating)
    column = find(table, "timestamp", config.columns)
    if column is not None:
        time, how = moments(table, column, faults)
        keep &= np.isfinite(time)
    return {
        "user": np.array(users.to_pylist(), dtype=object)[keep],
        "item": rows[keep].astype(np.int32),
        "rating": None if rating is None else rating[keep],
        "time": None if time is None else time[keep],
        "line": table.lines[keep],
        "how": how,
    }


def _same_columns(tables: Mapping[str, Table], parts: Sequence[Mapping[str, Any]]) -> None:
    for key in ("rating", "time"):
        if len({part[key] is None for part in parts}) > 1:
            names = " and ".join(table.name for table in tables.values())
            raise DataError(f"only some of {names} have a {key}", hint="give it in all or in none")


def _order_notes(data: Interactions) -> list[str]:
    if data.time is None:
        return ["interactions have no timestamp: the order in the file counts as the order of time"]
    tied = (np.diff(data.time) == 0) & (np.diff(data.user) == 0)
    share = tied.mean() if len(tied) else 0.0
    if share < 0.01:
        return []
    return [
        f"{share:.0%} of interactions have the time of the user's one before; the file's order decides"
    ]


def hold_out(data: Interactions) -> None:
    """Hold out each user's last liked item for the test and the one before for validation.

    A user keeps at least one for training: with two there is no validation, with one no test.
    """
    liked = np.flatnonzero(data.liked)
    user = data.user[liked]
    ends = np.searchsorted(user, np.arange(len(data.names)), side="right")
    counts = np.bincount(user, minlength=len(data.names))
    data.use[liked[ends[counts >= 2] - 1]] = TEST
    data.use[liked[ends[counts >= 3] - 2]] = VALIDATION


def drop_later(data: Interactions) -> int:
    """Withhold training interactions that lie behind a held-out one of the same user.

    Returns:
        How many liked ones there were.
    """
    position = np.arange(len(data))
    held = np.where(np.isin(data.use, (VALIDATION, TEST)), position, len(data))
    first = np.full(len(data.names), len(data))
    np.minimum.at(first, data.user, held)
    late = (position > first[data.user]) & (data.use == TRAIN)
    data.use[late] = WITHHELD
    return int((late & data.liked).sum())


def withhold(data: Interactions, items: np.ndarray) -> None:
    """Take some items out of training and validation altogether.

    Args:
        data: its ``use`` is changed; test interactions stay.
        items: (items,) bool, which.
    """
    data.use[items[data.item] & (data.use != TEST)] = WITHHELD
