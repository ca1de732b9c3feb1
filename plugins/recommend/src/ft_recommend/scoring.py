"""Metrics of full rankings, with intervals over users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ft import Metric, bootstrap_sums
from ft_recommend.ranking import allowed_items, best, rank_of

Z95 = 1.959964


def judge(
    scores: np.ndarray,
    target: int,
    seen: Sequence[int],
    cold: np.ndarray,
    *,
    top: int,
    exclude: bool,
    own: float | None = None,
) -> dict[str, Any]:
    """What one user's scores are worth, as JSON values.

    An item that the user had before is ranked last where such items are left out.

    Args:
        scores: (items,).
        target: row of the item that the user took.
        seen: rows of what the user had before.
        cold: (items,) which were never in training.
        top: length of the list.
        exclude: leave out what was seen.
        own: the target's score, if another than in ``scores``.

    Returns:
        ``rank`` (from 1) ``among`` so many, ``items``: the rows of the best, ``scores``: theirs;
        and ``cold_rank`` ``cold_among`` the cold items alone, if the target is one.
    """
    if own is not None:
        scores = scores.copy()
        scores[target] = own
    allowed = allowed_items(len(scores), seen, exclude)
    if not allowed[target]:
        scores = scores.copy()
        scores[target] = -np.inf
    rank = rank_of(scores, target, allowed)
    rows = best(scores, allowed, top)
    judged: dict[str, Any] = {
        "rank": rank.rank,
        "among": rank.among,
        "items": rows.tolist(),
        "scores": [round(float(score), 6) for score in scores[rows]],
    }
    if cold[target]:
        rank = rank_of(scores, target, allowed & cold)
        judged |= {"cold_rank": rank.rank, "cold_among": rank.among}
    return judged


def summarise(
    judged: Sequence[Mapping[str, Any]], users: Sequence[str], *, top: int, items: int, seed: int
) -> dict[str, Metric]:
    """Means over users, each with a 95 % interval from resampling the users.

    ``ndcg@k``: 1 / log2(1 + rank) within the first k (Järvelin & Kekäläinen 2002; one relevant
    item); ``recall@k``; ``mrr``: 1 / rank; ``auc``: share of other items ranked behind;
    ``coverage@k``: share of the catalogue that stands in any list, its interval by the jackknife
    over users. The same with ``cold_`` before, among cold items alone, where targets are cold;
    there ``cold_auc`` is among all items.

    Args:
        judged: see `judge`, one an example.
        users: whose each is.
        top: k.
        items: in the catalogue.
        seed: of the resampling.
    """
    ranks = np.array([one["rank"] for one in judged])
    among = np.array([one["among"] for one in judged])
    metrics = _means(_measures(ranks, among, top), users, seed, "")
    metrics[f"coverage@{top}"] = coverage([one["items"] for one in judged], users, items)
    chosen = [k for k, one in enumerate(judged) if "cold_rank" in one]
    if chosen:
        cold_ranks = np.array([judged[k]["cold_rank"] for k in chosen])
        cold_among = np.array([judged[k]["cold_among"] for k in chosen])
        measured = _measures(cold_ranks, cold_among, top)
        measured["auc"] = _auc(ranks[chosen], among[chosen])
        metrics |= _means(measured, [users[k] for k in chosen], seed, "cold_")
    return metrics


def _measures(ranks: np.ndarray, among: np.ndarray, top: int) -> dict[str, np.ndarray]:
    inside = ranks <= top
    return {
        f"ndcg@{top}": np.where(inside, 1 / np.log2(1 + ranks), 0.0),
        f"recall@{top}": inside.astype(float),
        "mrr": 1 / ranks,
        "auc": _auc(ranks, among),
    }


def _auc(ranks: np.ndarray, among: np.ndarray) -> np.ndarray:
    return np.where(among > 1, 1 - (ranks - 1) / np.maximum(among - 1, 1), 0.5)


def _means(
    measures: Mapping[str, np.ndarray], users: Sequence[str], seed: int, prefix: str
) -> dict[str, Metric]:
    """Means over users, where a user with several examples counts with their mean."""
    names, place = np.unique(np.array(users, dtype=str), return_inverse=True)
    sizes = np.bincount(place)
    table = np.stack([np.bincount(place, values) / sizes for values in measures.values()], 1)
    intervals = bootstrap_sums(table, lambda sums: sums / len(names), seed=seed)
    means = table.mean(0)
    return {
        prefix + name: Metric(float(means[k]), *intervals[k]) for k, name in enumerate(measures)
    }


def coverage(lists: Sequence[Sequence[Any]], users: Sequence[str], items: int) -> Metric:
    """Share of the catalogue that stands in any list, with Tukey's jackknife interval over users.

    The bootstrap would be biased here: a resample has fewer different users.
    """
    by_user: dict[str, set[Any]] = {}
    for user, members in zip(users, lists, strict=True):
        by_user.setdefault(user, set()).update(members)
    counts = Counter(item for members in by_user.values() for item in members)
    value = len(counts) / items
    # Without a user, what is missing is what only that user's list has.
    alone = np.array([sum(counts[one] == 1 for one in members) for members in by_user.values()])
    n = len(alone)
    error = np.sqrt((n - 1) / n * ((alone - alone.mean()) ** 2).sum()) / items
    low, high = value - Z95 * error, value + Z95 * error
    return Metric(value, float(max(0.0, low)), float(min(1.0, high)))


def rmse(predicted: np.ndarray, ratings: np.ndarray, seed: int) -> Metric:
    """Root mean squared error of ratings, with a 95 % interval from resampling the examples."""
    squares = ((predicted - ratings) ** 2).reshape(-1, 1)
    (interval,) = bootstrap_sums(
        squares, lambda sums: np.sqrt(sums[:, 0] / len(squares)), seed=seed
    )
    return Metric(float(np.sqrt(squares.mean())), *interval, higher_is_better=False)
