"""When to say that no answer fits: the threshold for a precision, and how good the score is for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import ft
from ft import Metric, Table

FEWEST = 0.05
"""The share of questions that a threshold must let through, where none has the wanted precision."""

SHARES = tuple(k / 10 for k in range(1, 11))


class Chosen(NamedTuple):
    """A threshold.

    Attributes:
        value: the least score of an answer that is given.
        precision: of the questions that it was chosen on.
    """

    value: float
    precision: float


def choose(scores: np.ndarray, right: np.ndarray, precision: float) -> Chosen:
    """The lowest threshold with a precision, so that as many questions as possible are answered.

    Args:
        scores: (questions,) of the first answer of each.
        right: (questions,) whether it is right; never for a question that no answer fits.
        precision: the share of the given answers that shall be right.

    Returns:
        A value half-way between two scores, or -1 where every answer may be given. Where no
        threshold has the precision, the one with the highest among those that let a twentieth through.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(right[order])
    shares = hits / np.arange(1, len(hits) + 1)
    # Between equal scores there is no threshold.
    cuts = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True))
    good = cuts[shares[cuts] >= precision]
    if len(good):
        last = int(good[-1])
    else:
        enough = cuts[cuts + 1 >= FEWEST * len(scores)]
        last = int(enough[np.argmax(shares[enough])])
    value = -1.0 if last == len(ranked) - 1 else float((ranked[last] + ranked[last + 1]) / 2)
    return Chosen(value, float(shares[last]))


def abstention(
    scores: np.ndarray, right: np.ndarray, answerable: np.ndarray, threshold: float | None
) -> dict[str, Metric]:
    """Precision and coverage at the threshold, and the AUROC against questions without an answer.

    Args:
        scores: (questions,) of the first answer of each.
        right: (questions,) whether it is right.
        answerable: (questions,) whether any answer fits.
        threshold: the least score of an answer that is given; ``None``: one is always given.
    """
    metrics = {}
    if threshold is not None:
        given = scores >= threshold
        counts = np.column_stack([np.ones(len(given)), given, given & right]).astype(float)

        def statistic(sums: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.column_stack([sums[:, 2] / sums[:, 1], sums[:, 1] / sums[:, 0]])

        values = statistic(counts.sum(0, keepdims=True))[0]
        intervals = ft.bootstrap_sums(counts, statistic)
        for name, value, interval in zip(("precision", "coverage"), values, intervals, strict=True):
            if np.isfinite(value):
                metrics[name] = Metric(float(value), *interval)
    if 0 < answerable.sum() < len(answerable):
        metrics["auroc"] = ft.auroc(answerable, scores)
    return metrics


def curve(scores: np.ndarray, right: np.ndarray) -> Table:
    """How precise the answers are if the surest share of the questions is answered."""
    order = np.argsort(-scores, kind="stable")
    rows = []
    for share in SHARES:
        count = max(1, round(share * len(order)))
        taken = right[order[:count]].astype(float)[:, None]
        (interval,) = ft.bootstrap_sums(taken / count, lambda sums: sums[:, 0])
        rows.append(
            (
                f"{share:.0%}",
                float(scores[order[count - 1]]),
                f"{taken.mean():.4f} [{interval.low:.4f}, {interval.high:.4f}]",
            )
        )
    return Table(
        "Nothing fits",
        ("questions answered", "least score", "precision"),
        tuple(rows),
        "the questions with the surest answers are answered, the others are told that nothing fits; in "
        "brackets 95 % intervals",
    )
