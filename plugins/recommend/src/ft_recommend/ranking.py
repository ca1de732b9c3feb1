"""Ranks of items among all that a user may be recommended, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

Scorer = Callable[[np.ndarray], np.ndarray]
"""Scores every item, (users, items), for users given by their numbers, (users,)."""

CHUNK_SCORES = 20_000_000
"""Scores that are held at a time."""

FAISS_FROM = 200_000
"""Items from which a list is looked up with FAISS, if it is installed."""


@dataclass(frozen=True)
class Rank:
    """Where the item that a user took stands.

    Attributes:
        rank: counted from 1; items with the same score share the mean of their ranks.
        among: items that were ranked.
    """

    rank: float
    among: int


def rank_of(scores: np.ndarray, target: int, allowed: np.ndarray) -> Rank:
    """The rank of an item among those allowed, itself always.

    Args:
        scores: (items,).
        target: its row.
        allowed: (items,) bool.
    """
    others = allowed.copy()
    others[target] = False
    score = scores[target]
    better = int(np.count_nonzero(scores[others] > score))
    same = int(np.count_nonzero(scores[others] == score))
    return Rank(1 + better + same / 2, int(others.sum()) + 1)


def best(scores: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    """Rows of the best allowed items, best first; of two alike the first in the catalogue."""
    rows = np.flatnonzero(allowed)
    values = scores[rows]
    if len(rows) > 4 * count:
        limit = np.partition(values, len(values) - count)[len(values) - count]
        rows = rows[values >= limit]
        values = scores[rows]
    order = np.lexsort((rows, -values))[:count]
    return np.asarray(rows[order])


def chunks(users: int, items: int) -> Iterator[np.ndarray]:
    """Numbers of users, so many at a time that their scores fit into memory."""
    size = max(1, CHUNK_SCORES // max(1, items))
    for begin in range(0, users, size):
        yield np.arange(begin, min(begin + size, users))


def allowed_items(items: int, seen: Sequence[int] | np.ndarray, exclude: bool) -> np.ndarray:
    """Which items may be recommended, (items,) bool: with ``exclude`` those not seen."""
    allowed = np.ones(items, bool)
    if exclude and len(seen):
        allowed[np.asarray(seen, np.int64)] = False
    return allowed


class Search:
    """The best items for users' vectors: by FAISS over large catalogues if it is installed, else by
    a matrix product. Both are exact.

    Args:
        vectors: (items, dimension) float32.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = np.ascontiguousarray(vectors, np.float32)
        self._index: Any = None
        if len(vectors) >= FAISS_FROM and find_spec("faiss"):
            faiss: Any = import_module("faiss")

            self._index = faiss.IndexFlatIP(vectors.shape[1])
            self._index.add(self.vectors)

    def best(
        self, users: np.ndarray, banned: Sequence[np.ndarray], count: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and scores of the best items of each user, best first.

        Args:
            users: (users, dimension) float32.
            banned: for each user the rows that may not be named.
            count: how many.
        """
        spare = max(map(len, banned), default=0)
        if self._index is not None and count + spare < len(self.vectors):
            scores, rows = self._index.search(np.ascontiguousarray(users), count + spare)
            for score, row, without in zip(scores, rows, banned, strict=True):
                keep = ~np.isin(row, without)
                yield row[keep][:count], score[keep][:count]
            return
        for chunk in chunks(len(users), len(self.vectors)):
            table = users[chunk] @ self.vectors.T
            for scores, user in zip(table, chunk, strict=True):
                rows = best(scores, allowed_items(len(scores), banned[user], True), count)
                yield rows, scores[rows]
