"""Tests by permutation: how often chance alone gives a difference as large as the one that was seen.

Under "both samples come from one source" the texts may change sides, so that these tests hold their
rate for any distribution, with ties, and at any size of the samples (Pitman 1937).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

TOGETHER = 1 << 22
"""Cells of a block of permutations."""

FOLDS = 5

POWER = 0.8
"""How often a change is found at least, of the size that `shown` says."""

MEAN_OF_CHANCE = 0.91
"""The root of the mean square of a Kolmogorov-Smirnov distance of chance, in units of its scale."""


@dataclass(frozen=True)
class Seen:
    """What a test has found.

    Attributes:
        value: the difference as it was seen, in its own unit.
        effect: the difference without what chance gives at this size, 0 where it gives as much.
        p: how likely chance gives as much.
    """

    value: float
    effect: float
    p: float


Measure = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From sides, (permutations, texts) of bool, to what is tested and the difference: (permutations,) each."""


def judged(
    measure: Measure,
    new: np.ndarray,
    random: np.random.Generator,
    *,
    most: int,
    enough: int = 50,
    centre: float | None = None,
) -> Seen:
    """Compare a difference with those of permutations.

    It ends as soon as ``enough`` of them are as large: the p-value is then as valid, and large ones
    cost little (Besag and Clifford 1991).

    Args:
        measure: computes the difference for many permutations together.
        new: (texts,), which texts are new.
        random: draws the permutations.
        most: permutations at most; the smallest p-value is 1 / (most + 1).
        enough: see above.
        centre: the difference that means none, for one that may lie on both sides of it; else it is a
            distance, and the mean square of those of chance is taken off its square.
    """
    seen, values = measure(new[None])
    tested, value = float(seen[0]), float(values[0])
    done = reached = 0
    squares = 0.0
    p = None
    while done < most and p is None:
        count = min(most - done, max(50, min(250, TOGETHER // len(new))))
        sides = random.permuted(np.broadcast_to(new, (count, len(new))), axis=1)
        drawn, differences = measure(sides)
        hits = np.cumsum(drawn >= tested - 1e-12)
        squares += float((differences**2).sum())
        if reached + hits[-1] >= enough:
            p = enough / (done + 1 + int(np.searchsorted(hits, enough - reached)))
        done += count
        reached += int(hits[-1])
    if p is None:
        p = (reached + 1) / (done + 1)
    if centre is not None:
        effect = max(0.0, value - centre)
    else:
        effect = float(np.sqrt(max(0.0, value**2 - squares / done)))
    return Seen(value, effect, p)


def distance(values: np.ndarray) -> Measure:
    """The largest difference of the two distribution functions (Kolmogorov-Smirnov), (texts,) values."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ends = np.append(ordered[1:] != ordered[:-1], True)
    below = np.arange(1, len(values) + 1)[ends]

    def measure(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        new = np.cumsum(sides[:, order], axis=1, dtype=np.int32)[:, ends]
        count = new[:, -1:]
        gaps = np.abs(new / count - (below - new) / (len(values) - count)).max(1)
        return gaps, gaps

    return measure


def shown(old: int, new: int, *, alpha: float, bound: float) -> float:
    """The Kolmogorov-Smirnov distance that is found in `POWER` of cases or more; above 1 none is.

    It is the one that the test needs, or the bound, and what the seen distance may fall short of the
    true one by chance, whose variance is a quarter of ``scale`` squared at most.

    Args:
        old: texts that are known.
        new: new ones.
        alpha: the p of this test that is an alarm.
        bound: the smallest effect that is one.
    """
    scale = np.sqrt((old + new) / (old * new))
    needed = max(
        scale * np.sqrt(-np.log(alpha / 2) / 2),  # Smirnov's bound
        np.hypot(bound, MEAN_OF_CHANCE * scale),
    )
    return float(needed + NormalDist().inv_cdf(POWER) * scale / 2)


def shares(counts: np.ndarray) -> Measure:
    """Shares of labels that the texts have: (texts, labels) counts.

    Tested is chi-square's sum, so that rare labels count; the difference is half the sum of those of the
    shares (total variation): the share of labels that would have to change.
    """
    whole = counts.sum(0)
    pooled = np.maximum(whole / max(1.0, float(whole.sum())), 1e-12)

    def measure(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        new = sides.astype(np.float64) @ counts
        old = whole - new
        gaps = new / np.maximum(1, new.sum(1, keepdims=True))
        gaps -= old / np.maximum(1, old.sum(1, keepdims=True))
        return (gaps**2 / pooled).sum(1), np.abs(gaps).sum(1) / 2

    return measure


def told_apart(vectors: np.ndarray) -> Measure:
    """How well a linear classifier tells new from old by (texts, dimensions) vectors.

    The classifier two-sample test (Lopez-Paz and Oquab 2017), with the area under the ROC curve of
    a ridge regression on the sides, each text scored by the model of the folds that it is not in. Its
    scores follow from one decomposition for any sides, so that a permutation costs two products.
    The texts must stand in random order.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    centred /= np.maximum(centred.std(0), 1e-9)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    squares = sizes**2
    weights = squares / (squares + squares.sum() / len(squares) + 1e-12)
    rows = len(vectors)
    folds = [np.arange(k, rows, FOLDS) for k in range(FOLDS)]
    inverses = [
        np.linalg.inv(np.eye(len(own)) - (left[own] * weights) @ left[own].T - 1 / rows)
        for own in folds
    ]

    def measure(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        targets = sides.T.astype(np.float64)
        fitted = left @ (weights[:, None] * (left.T @ targets)) + targets.mean(0)
        areas = [
            _areas(targets[own] - inverse @ (targets[own] - fitted[own]), sides[:, own].T)
            for own, inverse in zip(folds, inverses, strict=True)
        ]
        mean = np.nanmean(np.stack(areas), axis=0)
        return mean, mean

    return measure


def _areas(scores: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The area under the ROC curve of each column; nan where a side has no text."""
    ranks = np.empty(scores.shape)
    order = scores.argsort(0)
    np.put_along_axis(ranks, order, np.arange(1.0, len(scores) + 1)[:, None], axis=0)
    count = new.sum(0)
    other = len(scores) - count
    with np.errstate(invalid="ignore", divide="ignore"):
        area = ((ranks * new).sum(0) - count * (count + 1) / 2) / (count * other)
    return np.asarray(np.where(count * other > 0, area, np.nan))


def holm(values: list[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, before = [1.0] * len(values), 0.0
    for place, i in enumerate(order):
        before = max(before, min(1.0, (len(values) - place) * values[i]))
        corrected[i] = before
    return corrected
