"""Exact match and F1 of answers, as SQuAD defines them (Rajpurkar et al. 2016, 2018)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

import ft
from ft import Evaluation, Metric, Table

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = set(string.punctuation)


def normalized(text: str) -> str:
    """A text without capitals, punctuation, English articles and surplus blanks."""
    kept = "".join(c for c in text.lower() if c not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def exact(found: str, gold: str) -> float:
    """1 where two answers are the same, normalized."""
    return float(normalized(found) == normalized(gold))


def f1(found: str, gold: str) -> float:
    """The F1 of the words that two answers share; where one is empty, 1 if both are."""
    one, other = normalized(found).split(), normalized(gold).split()
    if not one or not other:
        return float(one == other)
    same = sum((Counter(one) & Counter(other)).values())
    return 2 * same / (len(one) + len(other))


def best(score: Callable[[str, str], float], found: str, golds: Sequence[str]) -> float:
    """The best score against any gold answer; a question without one has the empty answer."""
    kept = [gold for gold in golds if normalized(gold)] or [""]
    return max(score(found, gold) for gold in kept)


def best_threshold(
    gains: Sequence[float], answers: Sequence[str], golds: Sequence[Sequence[str]]
) -> float:
    """What the best answer must gain over none for the highest mean F1.

    Args:
        gains: of each question, how far the score of its best answer is above that of none.
        answers: its best answer.
        golds: its gold answers; empty where it has none.

    Returns:
        A value half-way between two neighbouring gains; the gains' own end where all or none
        should be answered.
    """
    order = np.argsort(-np.asarray(gains), kind="stable")
    given = np.array([best(f1, answers[i], golds[i]) for i in order])
    withheld = np.array([best(f1, "", golds[i]) for i in order])
    # The total F1 if the first k questions in the order of their gains are answered.
    totals = withheld.sum() + np.concatenate([[0.0], np.cumsum(given - withheld)])
    sorted_gains = np.asarray(gains, dtype=float)[order]
    edges = np.concatenate([[np.inf], sorted_gains, [-np.inf]])
    possible = [k for k in range(len(totals)) if edges[k] > edges[k + 1]]
    k = max(possible, key=lambda k: (round(float(totals[k]), 9), k))
    above, below = edges[k], edges[k + 1]
    if np.isinf(above) or np.isinf(below):
        finite = below if np.isinf(above) else above
        return float(finite + (1.0 if np.isinf(above) else -1.0)) if np.isfinite(finite) else 0.0
    return float((above + below) / 2)


def score_answers(
    answers: Sequence[str], golds: Sequence[Sequence[str]], tables: Sequence[Table] = ()
) -> Evaluation:
    """Exact match and F1 over all questions, and apart for those with and without an answer.

    Args:
        answers: the predicted answer of each question, empty for none.
        golds: its gold answers; empty where it has none.
        tables: more to show.
    """
    has = np.array([any(normalized(gold) for gold in one) for one in golds], dtype=float)
    each = np.array(
        [
            (best(f1, found, gold), best(exact, found, gold))
            for found, gold in zip(answers, golds, strict=True)
        ]
    ).reshape(-1, 2)
    counts = np.column_stack(
        [
            np.ones(len(has)),
            each,
            has,
            each * has[:, None],
            1 - has,
            each[:, 1] * (1 - has),
        ]
    )

    def statistic(sums: np.ndarray) -> np.ndarray:
        # Nothing to divide by: the draw does not define the metric.
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.column_stack(
                [
                    sums[:, 1] / sums[:, 0],
                    sums[:, 2] / sums[:, 0],
                    sums[:, 4] / sums[:, 3],
                    sums[:, 5] / sums[:, 3],
                    sums[:, 7] / sums[:, 6],
                ]
            )

    values = statistic(counts.sum(axis=0, keepdims=True))[0]
    names = ["f1", "exact", "answerable/f1", "answerable/exact", "unanswerable/accuracy"]
    wanted = ["f1", "exact", *(names[2:] if 0 < has.sum() < len(has) else ())]
    intervals = ft.bootstrap_sums(counts, statistic)
    metrics = {
        name: Metric(float(value), *interval)
        for name, value, interval in zip(names, values, intervals, strict=True)
        if name in wanted
    }
    return Evaluation(metrics, "f1", list(tables))


def baselines(
    questions: Sequence[str], contexts: Sequence[str], golds: Sequence[Sequence[str]]
) -> Table:
    """What answers without a model would score: a whole sentence, or never an answer."""
    sentences = [
        nearest_sentence(question, context)
        for question, context in zip(questions, contexts, strict=True)
    ]
    rows = []
    for name, found in (
        ("the sentence with most words of the question", sentences),
        ("no answer", [""] * len(golds)),
    ):
        pairs = list(zip(found, golds, strict=True))
        scores = [float(np.mean([best(score, *pair) for pair in pairs])) for score in (f1, exact)]
        rows.append((name, *scores))
    return Table("Baselines", ("answer", "f1", "exact"), tuple(rows), "answers that need no model")


def nearest_sentence(question: str, context: str) -> str:
    """The sentence of a context that shares most words with a question, the first of equals."""
    asked = set(normalized(question).split())
    sentences = [one for one in re.split(r"(?<=[.!?。！？])\s*", context) if one.strip()]
    return max(
        sentences, key=lambda one: len(asked & set(normalized(one).split())), default=context
    )
