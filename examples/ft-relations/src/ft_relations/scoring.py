"""The official score of SemEval-2010 Task 8: macro F1 over relations, with their direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft import Evaluation, Interval, Metric, Table, bootstrap_items, bootstrap_sums

DIRECTIONS = ("(e1,e2)", "(e2,e1)")


def undirected(label: str) -> str:
    """``Cause-Effect`` of ``Cause-Effect(e2,e1)``."""
    for direction in DIRECTIONS:
        label = label.removesuffix(direction)
    return label


def count(gold: Sequence[str], found: Sequence[str], relations: Sequence[str]) -> np.ndarray:
    """What each example adds to the counts of each relation.

    Args:
        gold: the labels.
        found: the predicted labels.
        relations: without direction.

    Returns:
        (examples, relations, 3): right in relation and direction, predicted, and gold, the last two
        in either direction.
    """
    row = {relation: i for i, relation in enumerate(relations)}
    counts = np.zeros((len(gold), len(relations), 3))
    for i, (one, other) in enumerate(zip(gold, found, strict=True)):
        if undirected(other) in row:
            counts[i, row[undirected(other)], 1] = 1
        if undirected(one) in row:
            counts[i, row[undirected(one)], 2] = 1
            counts[i, row[undirected(one)], 0] = one == other
    return counts


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, 0 where there is nothing."""
    shares: np.ndarray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares


def f1(sums: np.ndarray) -> np.ndarray:
    """F1 of summed counts (..., 3)."""
    return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def evaluate_relations(
    gold: Sequence[str], found: Sequence[str], *, negative: str, seed: int
) -> Evaluation:
    """Macro F1 over the relations, ``negative`` left out, with its interval; and accuracy.

    A relation counts as found only with the right direction. Relations that neither the gold labels
    nor the predictions hold are no part of the mean.

    Args:
        gold: the labels, such as ``Cause-Effect(e1,e2)``; without a direction where there is none.
        found: the predicted labels.
        negative: the label for "none of the relations".
        seed: of the bootstrap over examples.
    """
    relations = sorted({undirected(label) for label in [*gold, *found]} - {negative})
    counts = count(gold, found, relations)
    sums = counts.sum(0)
    right = np.array([one == other for one, other in zip(gold, found, strict=True)], dtype=float)
    metrics = {"accuracy": Metric(float(right.mean()), *_interval(right, seed))}
    if relations:
        (interval,) = bootstrap_sums(
            counts.reshape(len(counts), -1),
            lambda drawn: f1(drawn.reshape(len(drawn), len(relations), 3)).mean(-1),
            seed=seed,
        )
        metrics = {"f1": Metric(float(f1(sums).mean()), *interval), **metrics}
    else:  # nothing but the negative class, found everywhere
        metrics = {"f1": Metric(0.0), **metrics}
    precision, recall = (ratio(sums[:, 0], sums[:, k]) for k in (1, 2))
    rows = zip(relations, precision, recall, f1(sums), sums[:, 2].astype(int), strict=True)
    table = Table(
        "Relations",
        ("relation", "precision", "recall", "f1", "examples"),
        tuple((name, float(p), float(r), float(f), int(n)) for name, p, r, f, n in rows),
        note=f"both directions together, a wrong direction is wrong; {negative} is left out",
    )
    return Evaluation(metrics, main="f1", tables=[table])


def _interval(right: np.ndarray, seed: int) -> Interval:
    return bootstrap_items(lambda rows: float(right[rows].mean()), len(right), seed=seed)
