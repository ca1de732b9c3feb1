"""Metrics of ranked lists, with intervals over queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ft import Metric, Table, bootstrap_sums


def measures(ranked: Sequence[float], top: int) -> list[float]:
    """nDCG@k, recall@k, MRR and average precision of one list.

    nDCG has the gain 2^grade - 1 and the discount log2(1 + rank) (Burges et al. 2005; Järvelin &
    Kekäläinen 2002); for the others a grade above 0 counts as relevant.

    Args:
        ranked: the grades in the order of the ranking; one at least above 0.
        top: k.
    """
    grades = np.asarray(ranked, np.float64)
    relevant = grades > 0
    ranks = np.flatnonzero(relevant) + 1
    discounts = 1 / np.log2(np.arange(2, len(grades) + 2))[:top]
    best = (np.exp2(-np.sort(-grades)) - 1)[:top] @ discounts[: len(grades)]
    return [
        float((np.exp2(grades) - 1)[:top] @ discounts / best),
        float(relevant[:top].sum() / relevant.sum()),
        float(1 / ranks[0]),
        float(np.mean(np.arange(1, len(ranks) + 1) / ranks)),
    ]


def summarise(lists: Sequence[Sequence[float]], top: int) -> dict[str, Metric]:
    """Means over queries, each with a 95 % interval from resampling the queries.

    Args:
        lists: of each query, the grades in the order of the ranking.
        top: the k of nDCG@k and recall@k.
    """
    values = np.array([measures(ranked, top) for ranked in lists])
    intervals = bootstrap_sums(values, lambda sums: sums / len(values))
    names = (f"ndcg@{top}", f"recall@{top}", "mrr", "map")
    means = values.mean(0)
    return {
        name: Metric(float(mean), *interval)
        for name, mean, interval in zip(names, means, intervals, strict=True)
    }


def table(rows: Mapping[str, Mapping[str, Metric]], queries: int, candidates: float) -> Table:
    """The model and what it is compared with, a row each."""
    columns = ("method", *next(iter(rows.values())))
    cells = tuple(
        (name, *(f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]" for one in metrics.values()))
        for name, metrics in rows.items()
    )
    note = (
        f"{queries:,} queries with {candidates:.1f} candidates on average; in brackets 95 % "
        "intervals over queries"
    )
    return Table("Ranking", columns, cells, note)
