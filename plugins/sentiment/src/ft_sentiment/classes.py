"""Scores of predicted classes: one of several, or ratings in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ft import Interval, Metric, Table, bootstrap_sums
from ft_sentiment.labels import rating_values
from ft_sentiment.many import MANY, whole_scores

FEW = 12
"""Classes up to which a confusion matrix is easy to read."""


class Counts:
    """Gold and predicted classes as counts that add up over examples.

    Args:
        gold: (examples,), class ids.
        predicted: (examples,), class ids.
        classes: how many there are.
        values: (classes,), what each rating is worth, where the classes are ratings.
    """

    def __init__(
        self, gold: np.ndarray, predicted: np.ndarray, classes: int, values: np.ndarray | None
    ) -> None:
        pairs, groups, self.sizes = np.unique(
            np.stack([gold, predicted], 1), axis=0, return_inverse=True, return_counts=True
        )
        self.groups = groups.ravel()
        self.classes = classes
        self.values = values
        one = np.eye(classes)
        self.gold, self.predicted = pairs.T
        hit = (self.gold == self.predicted)[:, None]
        columns = [
            np.ones((len(pairs), 1)),
            hit * one[self.gold],
            one[self.gold],
            one[self.predicted],
        ]
        if values is not None:
            error = np.abs(values[self.gold] - values[self.predicted])
            columns += [error[:, None], ((self.gold - self.predicted) ** 2)[:, None]]
        self.rows = np.concatenate(columns, 1)

    def names(self, classes: Sequence[str]) -> list[str]:
        """The scores that `scores` gives, in its order."""
        whole = ["accuracy", "macro_f1", "weighted_f1", "mcc"]
        if self.values is not None:
            whole += ["mae", "qwk"]
        return whole + [
            f"{kind}/{name}" for kind in ("precision", "recall", "f1") for name in classes
        ]

    def scores(self, sums: np.ndarray) -> np.ndarray:
        """Scores from summed rows.

        Args:
            sums: (samples, k).

        Returns:
            (samples, q). A class that is never predicted has precision 0; one without examples has
            no recall (NaN). Macro F1 is the mean over classes that occur, gold or predicted. MCC
            (Gorodkin 2004) and quadratic weighted kappa (Cohen 1968) are 0 where undefined.
        """
        k = self.classes
        total = sums[:, :1]
        hits, gold, predicted = (sums[:, 1 + i * k : 1 + (i + 1) * k] for i in range(3))
        precision = ratio(hits, predicted, 0.0)
        recall = ratio(hits, gold, np.nan)
        f1 = ratio(2 * hits, gold + predicted, np.nan)
        n = total[:, 0]
        right = hits.sum(1)
        mcc = ratio(
            right * n - (gold * predicted).sum(1),
            np.sqrt(n**2 - (gold**2).sum(1)) * np.sqrt(n**2 - (predicted**2).sum(1)),
            0.0,
        )
        whole = [
            right / n,
            np.nanmean(f1, axis=1),
            (np.nan_to_num(f1) * gold).sum(1) / n,
            mcc.clip(-1, 1),
        ]
        if self.values is not None:
            ranks = np.arange(k)
            chance = (gold @ ranks**2 + predicted @ ranks**2) / n - 2 * (gold @ ranks) * (
                predicted @ ranks
            ) / n**2
            observed = sums[:, -1] / n
            whole += [sums[:, -2] / n, np.where(chance > 0, 1 - ratio(observed, chance, 0.0), 0.0)]
        return np.concatenate([np.stack(whole, 1), precision, recall, f1], axis=1)

    def matrix(self) -> np.ndarray:
        """(classes, classes): examples by gold (row) and predicted (column) class."""
        matrix = np.zeros((self.classes, self.classes), dtype=np.int64)
        matrix[self.gold, self.predicted] = self.sizes
        return matrix


def ratio(above: np.ndarray, below: np.ndarray, undefined: float) -> np.ndarray:
    """``above / below``, ``undefined`` where below is 0."""
    out = np.full(np.broadcast(above, below).shape, undefined)
    np.divide(above, below, out=out, where=below != 0)
    return out


def score_classes(
    gold: np.ndarray, predicted: np.ndarray, names: Sequence[str], *, ordinal: bool, seed: int
) -> tuple[dict[str, Metric], list[Table]]:
    """Every score that needs no probabilities, with 95 % bootstrap intervals.

    Args:
        gold: (examples,), positions in ``names``.
        predicted: (examples,).
        names: the classes.
        ordinal: whether they are ratings in rising order; adds MAE and quadratic weighted kappa.
        seed: of the bootstrap.

    Returns:
        Metrics, those of a single class as ``precision/<class>`` and so on, and tables: the
        scores of each class, the confusion matrix, the most frequent confusions of many classes.
    """
    values = rating_values(names) if ordinal else None
    if len(names) > MANY:
        return _score_many(gold, predicted, names, values, seed)
    counts = Counts(gold, predicted, len(names), values)
    drawn = bootstrap_sums(counts.rows, counts.scores, groups=counts.groups, seed=seed)
    intervals = dict(zip(counts.names(names), drawn, strict=True))
    points = counts.scores(counts.sizes[None] @ counts.rows)[0]
    support = np.bincount(gold, minlength=len(names))
    whole = len(points) - 3 * len(names)
    shown = np.append(np.ones(whole, bool), np.tile(support > 0, 3))
    metrics = {
        name: metric(point, intervals[name], higher_is_better=name != "mae")
        for name, point, there in zip(counts.names(names), points, shown, strict=True)
        if there
    }
    tables = [per_class_table(metrics, names, support)]
    if len(names) > FEW:
        tables.append(_confusions(counts.gold, counts.predicted, counts.sizes, names))
    tables.append(
        Table(
            "Confusion matrix",
            ("gold", *names),
            tuple((name, *map(int, row)) for name, row in zip(names, counts.matrix(), strict=True)),
            "rows: the gold class; columns: how often each class was predicted",
        )
    )
    return metrics, tables


def _score_many(
    gold: np.ndarray,
    predicted: np.ndarray,
    names: Sequence[str],
    values: np.ndarray | None,
    seed: int,
) -> tuple[dict[str, Metric], list[Table]]:
    """The scores of all classes together, and tables of the most frequent ones alone."""
    from sklearn.metrics import precision_recall_fscore_support

    metrics = {
        name: metric(value, interval, higher_is_better=name != "mae")
        for name, (value, interval) in whole_scores(
            gold, predicted, len(names), values, seed
        ).items()
    }
    *scores, support = precision_recall_fscore_support(
        gold, predicted, labels=range(len(names)), zero_division=0
    )
    first = np.argsort(-support, kind="stable")[:MANY].tolist()
    each = {
        f"{kind}/{names[i]}": Metric(float(column[i]))
        for kind, column in zip(("precision", "recall", "f1"), scores, strict=True)
        for i in first
    }
    table = per_class_table(each, [names[i] for i in first], support[first])
    note = f"the {MANY} most frequent of {len(names):,} classes, without intervals"
    pairs, sizes = np.unique(np.stack([gold, predicted], 1), axis=0, return_counts=True)
    return metrics, [replace(table, note=note), _confusions(*pairs.T, sizes, names)]


def metric(
    value: float, interval: Interval | tuple[float, float], *, higher_is_better: bool = True
) -> Metric:
    """A metric whose interval is left out where no bootstrap sample defines it."""
    if np.isnan(interval[:2]).any():
        return Metric(float(value), higher_is_better=higher_is_better)
    return Metric(float(value), *interval, higher_is_better=higher_is_better)


def per_class_table(
    metrics: dict[str, Metric], names: Sequence[str], support: Sequence[int] | np.ndarray
) -> Table:
    """Precision, recall and F1 of every class that has examples, with their intervals."""
    rows = []
    for name, examples in zip(names, support, strict=True):
        if examples:
            scores = [metrics[f"{kind}/{name}"] for kind in ("precision", "recall", "f1")]
            rows.append((name, int(examples), *map(_cell, scores)))
    return Table(
        "Classes",
        ("class", "examples", "precision", "recall", "f1"),
        tuple(rows),
        "95 % bootstrap intervals in brackets",
    )


def _cell(score: Metric) -> str:
    if score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _confusions(
    gold: np.ndarray, predicted: np.ndarray, sizes: np.ndarray, names: Sequence[str], most: int = 20
) -> Table:
    wrong = np.flatnonzero(gold != predicted)
    first = wrong[np.argsort(-sizes[wrong], kind="stable")][:most]
    support = np.bincount(gold, weights=sizes, minlength=len(names))
    return Table(
        "Most frequent confusions",
        ("gold", "predicted", "examples", "share of gold"),
        tuple(
            (
                names[gold[i]],
                names[predicted[i]],
                int(sizes[i]),
                round(float(sizes[i] / support[gold[i]]), 3),
            )
            for i in first
        ),
    )
