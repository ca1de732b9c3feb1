"""Scores of predicted classes with their intervals, and what trivial predictions score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ft import Evaluation, Interval, Metric, Table, bootstrap_sums

EACH = 50
"""Classes up to which each has its scores; of more, the table shows the most frequent ones."""

CONFUSED = 20
"""Pairs of classes that the table of confusions shows."""

BINS = 15
"""Bins of the calibration error."""


def score(
    gold: Sequence[str],
    items: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    baselines: Mapping[str, Sequence[str]],
) -> Evaluation:
    """Accuracy, macro F1 (decides which model is best) and calibration, and those of each class.

    Args:
        gold: the right class of each image.
        items: predictions with ``label`` and ``scores``.
        names: the classes.
        baselines: trivial predictions by name.
    """
    ids = {name: i for i, name in enumerate(names)}
    true = np.array([ids[name] for name in gold])
    said = np.array([ids[item["label"]] for item in items])
    points, drawn = _scores(true, said, len(names))
    metrics = {
        "accuracy": _metric(points[0], drawn[0]),
        "macro_f1": _metric(points[1], drawn[1]),
    }
    if all("scores" in item for item in items):
        metrics["ece"] = _calibration(items, true == said)
        if len(names) > 10:
            metrics["top5"] = _top(items, gold)
    k = len(names)
    support = np.bincount(true, minlength=k)
    order = [int(i) for i in np.argsort(-support, kind="stable") if support[i]]
    rows = []
    for i in order[:EACH]:
        each = [_metric(points[2 + part * k + i], drawn[2 + part * k + i]) for part in range(3)]
        rows.append((names[i], int(support[i]), *map(_cell, each)))
        if k <= EACH:
            metrics[f"f1/{names[i]}"] = each[2]
    note = "95 % bootstrap intervals over images in brackets"
    if len(order) > EACH:
        note += f"; the {EACH} most frequent of {k:,} classes"
    tables = [Table("Classes", ("class", "images", "precision", "recall", "f1"), tuple(rows), note)]
    if (true != said).any():
        tables.append(_confusions(true, said, names))
    if baselines:
        tables.append(_compared(true, ids, baselines, metrics))
    return Evaluation(metrics, "macro_f1", tables)


def _scores(true: np.ndarray, said: np.ndarray, k: int) -> tuple[np.ndarray, list[Interval]]:
    """Accuracy, macro F1, and the precision, recall and F1 of each class, with their intervals."""
    pairs, groups = np.unique(np.stack([true, said], 1), axis=0, return_inverse=True)
    one = np.eye(k)
    hit = (pairs[:, 0] == pairs[:, 1])[:, None] * one[pairs[:, 0]]
    rows = np.concatenate([hit, one[pairs[:, 0]], one[pairs[:, 1]]], 1)

    def statistic(sums: np.ndarray) -> np.ndarray:
        hits, gold, told = (sums[:, i * k : (i + 1) * k] for i in range(3))
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(told > 0, hits / told, 0.0)
            recall = hits / gold
            f1 = 2 * hits / (gold + told)
        precision = np.where(gold > 0, precision, np.nan)
        there = ~np.isnan(f1)
        macro = np.where(there, f1, 0).sum(1) / there.sum(1)
        accuracy = hits.sum(1) / gold.sum(1)
        return np.concatenate([accuracy[:, None], macro[:, None], precision, recall, f1], 1)

    groups = groups.ravel()
    whole = np.bincount(groups, minlength=len(pairs)) @ rows
    return statistic(whole[None])[0], bootstrap_sums(rows, statistic, groups=groups)


def _metric(value: float, interval: Interval) -> Metric:
    if np.isnan(interval[:2]).any():
        return Metric(float(value))
    return Metric(float(value), *interval)


def _cell(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return f"{metric.value:.3f}"
    return f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"


def _calibration(items: Sequence[Mapping[str, Any]], right: np.ndarray) -> Metric:
    """The expected calibration error (Guo et al. 2017, arXiv 1706.04599), in bins of equal width."""
    sure = np.array([max(item["scores"].values()) for item in items])
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    one = np.eye(BINS)[bins]
    rows = np.concatenate([one * (sure - right)[:, None], np.ones((len(sure), 1))], 1)

    def statistic(sums: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(sums[:, :BINS]).sum(1) / sums[:, -1])

    value = float(statistic(rows.sum(0)[None])[0])
    return Metric(value, *bootstrap_sums(rows, statistic)[0], higher_is_better=False)


def _top(items: Sequence[Mapping[str, Any]], gold: Sequence[str]) -> Metric:
    """The share of images whose class is among the five likeliest."""
    hit = np.array(
        [
            name in sorted(item["scores"], key=item["scores"].get, reverse=True)[:5]
            for item, name in zip(items, gold, strict=True)
        ],
        dtype=float,
    )
    rows = np.stack([hit, np.ones(len(hit))], 1)
    drawn = bootstrap_sums(rows, lambda sums: sums[:, 0] / sums[:, 1])
    return _metric(float(hit.mean()), drawn[0])


def _confusions(true: np.ndarray, said: np.ndarray, names: Sequence[str]) -> Table:
    wrong = Counter(
        (int(a), int(b)) for a, b in zip(true, said, strict=True) if a != b
    ).most_common(CONFUSED)
    support = Counter(true.tolist())
    rows = tuple((names[a], names[b], n, round(n / support[a], 3)) for (a, b), n in wrong)
    columns = ("gold", "predicted", "images", "share of gold")
    return Table("Most frequent confusions", columns, rows)


def _compared(
    true: np.ndarray,
    ids: Mapping[str, int],
    baselines: Mapping[str, Sequence[str]],
    metrics: Mapping[str, Metric],
) -> Table:
    rows: list[tuple[Any, ...]] = []
    for name, told in baselines.items():
        points, drawn = _scores(true, np.array([ids[one] for one in told]), len(ids))
        rows.append((name, *(_cell(_metric(points[i], drawn[i])) for i in range(2))))
    rows.append(("this model", _cell(metrics["accuracy"]), _cell(metrics["macro_f1"])))
    return Table("Baselines", ("", "accuracy", "macro_f1"), tuple(rows))


class Trivial:
    """Predictions that know no more than the classes' frequencies and mean colours.

    Args:
        labels: of the training images.
        thumbs: their thumbnails, (images, values).
    """

    def __init__(self, labels: Sequence[str], thumbs: np.ndarray) -> None:
        counts = Counter(labels)
        self.frequent = max(sorted(counts), key=counts.__getitem__)
        self._names = sorted(counts)
        own = np.array(labels)
        self._means = np.stack([thumbs[own == name].mean(0) for name in self._names])

    def predict(self, thumbs: np.ndarray) -> dict[str, list[str]]:
        """What each says of images, by its name.

        Args:
            thumbs: (images, values).
        """
        apart = (
            (thumbs**2).sum(1)[:, None]
            - 2 * thumbs @ self._means.T
            + (self._means**2).sum(1)[None, :]
        )
        nearest = [self._names[i] for i in apart.argmin(1)]
        return {
            "the most frequent class": [self.frequent] * len(thumbs),
            "the class whose mean 8 x 8 thumbnail is nearest": nearest,
        }
