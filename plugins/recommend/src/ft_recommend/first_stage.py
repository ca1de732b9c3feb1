"""The first stage, which names the candidates that a cross-encoder ranks anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import ft
from ft import ConfigError
from ft_recommend.baselines import Scores, bm25, popularity
from ft_recommend.catalogue import Catalogue
from ft_recommend.ranking import allowed_items, best, chunks

Shortlist = Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], list[np.ndarray]]
"""Rows of the best items, best first, for users' histories and what they had already."""


def first_stage(
    name: str, catalogue: Catalogue, counts: np.ndarray, count: int, *, exclude: bool
) -> Shortlist:
    """The first stage that the settings name.

    Args:
        name: ``popularity``, ``bm25``, or the folder of a finished two_tower run.
        catalogue: the items.
        counts: (items,) how often each is liked in training.
        count: length of a list.
        exclude: leave out what the user had.

    Raises:
        ConfigError: it is none of these.
    """
    if name == "popularity":
        return _scored(popularity(counts), len(catalogue), count, exclude)
    if name == "bm25":
        return _scored(bm25(catalogue.texts), len(catalogue), count, exclude)
    if not (Path(name) / "model").is_dir():
        raise ConfigError(
            f"{name!r} is neither popularity nor bm25 nor the folder of a finished run",
            where="recommend.first_stage",
        )
    return _by_run(Path(name), catalogue, count)


def _scored(scorer: Scores, items: int, count: int, exclude: bool) -> Shortlist:
    def shortlist(histories: Sequence[np.ndarray], seen: Sequence[np.ndarray]) -> list[np.ndarray]:
        lists = []
        for chunk in chunks(len(histories), items):
            table = scorer([histories[k] for k in chunk])
            lists += [
                best(scores, allowed_items(items, seen[k], exclude), count)
                for scores, k in zip(table, chunk, strict=True)
            ]
        return lists

    return shortlist


def _by_run(folder: Path, catalogue: Catalogue, count: int) -> Shortlist:
    """Lists of a finished run; items that it does not know are left out of them."""

    def shortlist(histories: Sequence[np.ndarray], seen: Sequence[np.ndarray]) -> list[np.ndarray]:
        requests = [
            {"history": [catalogue.ids[row] for row in history], "k": count}
            for history in histories
        ]
        rows_of = catalogue.row_of
        return [
            np.array([rows_of[item] for item in one["items"] if item in rows_of], np.int64)
            for one in ft.predict(folder, requests)
        ]

    return shortlist
