"""Scores of predictions of any number of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft import Metric, Table, bootstrap_sums
from ft_sentiment.classes import metric, per_class_table, ratio

WHOLE = ("micro_f1", "macro_f1", "weighted_f1", "subset_accuracy")


def multilabel_rows(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What each example adds to the counts: 1, all right, then hits, gold and predicted a class."""
    exact = (gold == predicted).all(1, keepdims=True)
    return np.concatenate(
        [np.ones_like(exact, dtype=float), exact, gold & predicted, gold, predicted], axis=1
    )


def multilabel_scores(sums: np.ndarray) -> np.ndarray:
    """Scores from summed `multilabel_rows`: `WHOLE`, then precision, recall and F1 of each class.

    Macro F1 is the mean over classes that occur, gold or predicted; a class that is never
    predicted has precision 0, one without examples no recall (NaN).
    """
    n = sums[:, 0]
    hits, gold, predicted = np.split(sums[:, 2:], 3, axis=1)
    f1 = ratio(2 * hits, gold + predicted, np.nan)
    occurs = ~np.isnan(f1)
    plain = np.nan_to_num(f1)
    whole = np.stack(
        [
            ratio(2 * hits.sum(1), (gold + predicted).sum(1), 0.0),
            ratio(plain.sum(1), occurs.sum(1), 0.0),
            ratio((plain * gold).sum(1), gold.sum(1), 0.0),
            sums[:, 1] / n,
        ],
        axis=1,
    )
    precision = ratio(hits, predicted, 0.0)
    recall = ratio(hits, gold, np.nan)
    return np.concatenate([whole, precision, recall, f1], axis=1)


def score_multilabel(
    gold: np.ndarray, predicted: np.ndarray, names: Sequence[str], *, seed: int
) -> tuple[dict[str, Metric], list[Table]]:
    """Every score that needs no probabilities, with 95 % bootstrap intervals.

    Args:
        gold: (examples, classes), 0 or 1.
        predicted: (examples, classes), 0 or 1.
        names: the classes.
        seed: of the bootstrap.
    """
    both = np.concatenate([gold, predicted], axis=1)
    unique, groups = np.unique(both, axis=0, return_inverse=True)
    rows = multilabel_rows(*np.split(unique, 2, axis=1))
    drawn = bootstrap_sums(rows, multilabel_scores, groups=groups.ravel(), seed=seed)
    kinds = ("precision", "recall", "f1")
    order = [*WHOLE, *(f"{kind}/{name}" for kind in kinds for name in names)]
    intervals = dict(zip(order, drawn, strict=True))

    values = multilabel_scores(multilabel_rows(gold, predicted).sum(0, keepdims=True))[0]
    support = gold.sum(0)
    without = {name for name, examples in zip(names, support, strict=True) if not examples}
    points = {
        name: float(value)
        for name, value in zip(order, values, strict=True)
        if name.partition("/")[2] not in without
    }
    metrics = {name: metric(value, intervals[name]) for name, value in points.items()}
    return metrics, [per_class_table(metrics, names, support), _confusion(gold, predicted, names)]


def _confusion(gold: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Table:
    """Yes and no, gold and predicted, of each class."""
    hits = (gold & predicted).sum(0)
    missed, false = gold.sum(0) - hits, predicted.sum(0) - hits
    rest = len(gold) - hits - missed - false
    return Table(
        "Confusion by class",
        ("class", "found", "missed", "false", "rightly left out"),
        tuple(
            (name, *map(int, row))
            for name, *row in zip(names, hits, missed, false, rest, strict=True)
        ),
        "examples; missed: carry the class and were not given it; false: the other way round",
    )
