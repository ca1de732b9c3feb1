"""Scores of very many classes, in time and memory that grow with the classes and not their square."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ft import Interval, bootstrap_items

MANY = 200
"""With more classes, single ones have no intervals, and predictions keep the likeliest scores alone."""

KEPT = 100
"""Classes whose scores a prediction keeps where there are `MANY`."""


def whole_scores(
    gold: np.ndarray, predicted: np.ndarray, classes: int, values: np.ndarray | None, seed: int
) -> dict[str, tuple[float, Interval]]:
    """The scores that take all classes together, with 95 % bootstrap intervals.

    Args:
        gold: (examples,), class ids.
        predicted: (examples,).
        classes: how many there are.
        values: (classes,), what each rating is worth, where the classes are ratings.
        seed: of the bootstrap.
    """
    right = gold == predicted

    def counts(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        hits = np.bincount(gold[sample[right[sample]]], minlength=classes)
        return (
            hits.astype(float),
            np.bincount(gold[sample], minlength=classes).astype(float),
            np.bincount(predicted[sample], minlength=classes).astype(float),
        )

    def f1(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hits, true, found = counts(sample)
        occurs = true + found > 0
        return 2 * hits[occurs] / (true + found)[occurs], true[occurs]

    def weighted(sample: np.ndarray) -> float:
        scores, support = f1(sample)
        return float(scores @ support / len(sample))

    def mcc(sample: np.ndarray) -> float:
        hits, true, found = counts(sample)
        n = float(len(sample))
        spread = np.sqrt(n**2 - true @ true) * np.sqrt(n**2 - found @ found)
        return float(np.clip((hits.sum() * n - true @ found) / spread, -1, 1)) if spread else 0.0

    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "accuracy": lambda sample: float(right[sample].mean()),
        "macro_f1": lambda sample: float(f1(sample)[0].mean()),
        "weighted_f1": weighted,
        "mcc": mcc,
    }
    if values is not None:
        error = np.abs(values[gold] - values[predicted])
        squares = ((gold - predicted) ** 2).astype(float)

        def kappa(sample: np.ndarray) -> float:
            true, found, n = gold[sample], predicted[sample], len(sample)
            chance = float((true**2).mean() + (found**2).mean() - 2 * true.mean() * found.mean())
            return 1 - float(squares[sample].sum() / n) / chance if chance > 0 else 0.0

        statistics |= {"mae": lambda sample: float(error[sample].mean()), "qwk": kappa}
    every = np.arange(len(gold))
    return {
        name: (statistic(every), bootstrap_items(statistic, len(gold), seed=seed))
        for name, statistic in statistics.items()
    }


def likeliest(scores: np.ndarray, names: tuple[str, ...]) -> list[dict[str, float]]:
    """The score of each class by name for each example; of `MANY` classes those of the `KEPT` likeliest."""
    if len(names) <= MANY:
        return [dict(zip(names, row, strict=True)) for row in scores.tolist()]
    kept = np.argpartition(-scores, KEPT, axis=-1)[:, :KEPT]
    return [
        {names[i]: float(row[i]) for i in places[np.argsort(-row[places], kind="stable")]}
        for row, places in zip(scores, kept, strict=True)
    ]


def all_scores(
    items: list[dict[str, float]], names: tuple[str, ...], exclusive: bool
) -> np.ndarray:
    """(examples, classes) from what `likeliest` gave: classes left out share what remains equally.

    Args:
        items: the scores of each example.
        names: the classes.
        exclusive: whether the scores of an example add up to 1; else those left out are 0.
    """
    if all(len(scores) == len(names) for scores in items):
        return np.array([[scores[name] for name in names] for scores in items])
    position = {name: i for i, name in enumerate(names)}
    found = np.zeros((len(items), len(names)))
    for row, scores in zip(found, items, strict=True):
        left = max(0.0, 1 - sum(scores.values())) if exclusive else 0.0
        row[:] = left / max(1, len(names) - len(scores))
        row[[position[name] for name in scores]] = list(scores.values())
    return found
