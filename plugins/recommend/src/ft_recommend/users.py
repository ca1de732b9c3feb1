"""The users as prediction must know them: what each had, when, and their features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ft_recommend.features import Features

USERS = "users.parquet"
CONTEXT = "context.json"
DAY = 86_400.0


@dataclass(frozen=True)
class Context:
    """How the moment and the user become a vector.

    Attributes:
        moment: features of ``time`` (seconds since 1970) and ``days`` since the interaction before.
        user: features of the user.
        latest: the last moment of the training data, which stands for now.
    """

    moment: Features
    user: Features
    latest: float | None

    @property
    def size(self) -> int:
        """Length of the vector."""
        return self.moment.size + self.user.size

    def matrix(self, time: np.ndarray, last: np.ndarray, user: np.ndarray) -> np.ndarray:
        """The vectors of some moments, (n, size) float32.

        Args:
            time: (n,) seconds since 1970; NaN stands for the latest.
            last: (n,) when the user's interaction before was; NaN: unknown.
            user: (n, user.size) features of the users.
        """
        if not self.moment.knots:
            return user
        now = np.where(np.isfinite(time), time, np.nan if self.latest is None else self.latest)
        columns = {"time": now, "days": np.maximum(now - last, 0) / DAY}
        return np.concatenate([self.moment.matrix(len(time), columns, {}), user], 1)

    @classmethod
    def fit(cls, time: np.ndarray | None, last: np.ndarray | None, user: Features) -> Context:
        """Choose the features from the moments of the training examples."""
        if time is None or last is None or not len(time):
            return cls(Features(), user, None)
        days = np.maximum(time - last, 0) / DAY
        return cls(Features.fit({"time": time, "days": days}, {}), user, float(time.max()))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "moment": self.moment.to_json(),
            "user": self.user.to_json(),
            "latest": self.latest,
        }

    def save(self, folder: Path) -> None:
        """Write it as JSON."""
        (folder / CONTEXT).write_text(json.dumps(self.to_json(), ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Context:
        """Read what `save` wrote."""
        values = json.loads((folder / CONTEXT).read_text())
        moment, user = (Features.from_json(values[name]) for name in ("moment", "user"))
        return cls(moment, user, values["latest"])


@dataclass(frozen=True)
class Users:
    """Known users.

    Attributes:
        names: the users.
        liked: rows of the items each liked, the latest last.
        seen: rows of everything each had; ``None`` where that is the same.
        last: (users,) when the last interaction was; NaN: unknown.
        features: (users, size) float32.
    """

    names: Sequence[str]
    liked: Sequence[np.ndarray]
    seen: Sequence[np.ndarray] | None
    last: np.ndarray
    features: np.ndarray

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each user."""
        return {name: row for row, name in enumerate(self.names)}

    def features_of(self, names: Sequence[str], space: Features) -> np.ndarray:
        """Features of users by name, (n, size); those of unknown users are missing."""
        rows = np.array([self.row_of.get(name, -1) for name in names], np.int64)
        out = np.repeat(space.matrix(1, {}, {}), len(rows), 0)
        out[rows >= 0] = self.features[rows[rows >= 0]]
        return out

    def save(self, folder: Path) -> None:
        """Write them as Parquet."""
        size = self.features.shape[1]
        columns: dict[str, Any] = {
            "user": pa.array(self.names, pa.string()),
            "liked": _lists(self.liked),
            "last": self.last,
        }
        if self.seen is not None:
            columns["seen"] = _lists(self.seen)
        if size:
            flat = pa.array(self.features.reshape(-1))
            columns["features"] = pa.FixedSizeListArray.from_arrays(flat, size)
        pq.write_table(pa.table(columns), folder / USERS)

    @classmethod
    def load(cls, folder: Path) -> Users:
        """Read what `save` wrote."""
        table = pq.read_table(folder / USERS)
        names = table.column("user").to_pylist()
        features = np.zeros((len(names), 0), np.float32)
        if "features" in table.column_names and names:
            flat = table.column("features").combine_chunks().flatten().to_numpy()
            features = np.asarray(flat, np.float32).reshape(len(names), -1)
        seen = _arrays(table, "seen") if "seen" in table.column_names else None
        return cls(names, _arrays(table, "liked"), seen, table.column("last").to_numpy(), features)


def _lists(arrays: Sequence[np.ndarray]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in arrays])]).astype(np.int32)
    flat = np.concatenate(arrays) if len(arrays) else np.zeros(0)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.astype(np.int32)))


def _arrays(table: pa.Table, column: str) -> list[np.ndarray]:
    lists = table.column(column).combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks)
    offsets = np.asarray(lists.offsets.to_numpy())
    flat = np.asarray(lists.values.to_numpy(zero_copy_only=False))
    return [flat[a:b] for a, b in pairwise(offsets.tolist())]


def read_user_features(
    names: Sequence[str], columns: Mapping[str, Sequence[str]], kinds: Mapping[str, str]
) -> tuple[Features, np.ndarray]:
    """Features of users from a table's columns of strings, one cell a user, blank where unknown.

    Args:
        names: the users.
        columns: by name, one cell a user.
        kinds: ``number`` or anything else, which counts as a category.
    """
    numbers = {
        name: np.array([_float(cell) for cell in cells])
        for name, cells in columns.items()
        if kinds[name] == "number"
    }
    categories = {name: cells for name, cells in columns.items() if kinds[name] != "number"}
    space = Features.fit(numbers, categories)
    return space, space.matrix(len(names), numbers, categories)


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
