"""How well answers are found: metrics with intervals, baselines beside, and what goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

import ft
from ft import Metric, Table
from ft_answers.catalogue import Catalogue
from ft_answers.words import Ranking

HITS = (1, 3, 5)
LETTERS = 60
"""Of an answer's text in a table."""

SHOWN = 15
"""Rows of a table of answers."""

ROWS = 256
"""Questions whose scores of all answers are held at a time."""


def place(ids: Sequence[str], scores: Sequence[float] | None, aim: str, known: int) -> float:
    """The rank of an answer in a list, from 1; infinite where it is not in it.

    Of answers with the same score it counts as the last, so that a model to which all are alike gains
    nothing from their order; where the list ends among them, as none of the list.

    Args:
        ids: the list.
        scores: by which it is ordered; ``None``: the order is all that counts.
        aim: the answer.
        known: how many answers there are in all.
    """
    if aim not in ids:
        return np.inf
    at = list(ids).index(aim)
    if scores is None:
        return at + 1
    last = max(k for k, score in enumerate(scores) if score == scores[at])
    alike = sum(score == scores[at] for score in scores)
    return np.inf if alike > 1 and last == len(ids) - 1 and len(ids) < known else last + 1


def names_of(top: int) -> list[str]:
    """The metrics of a ranking that is so deep."""
    return [*(f"hit@{k}" for k in HITS if k <= top), "mrr", f"ndcg@{top}"]


def values_of(ranks: Sequence[Sequence[float]], top: int) -> np.ndarray:
    """(questions, metrics) of the ranks of every right answer of each question, one at least.

    nDCG has a gain of 1 for each right answer and the discount log2(1 + rank) (Järvelin & Kekäläinen
    2002); MRR counts what is not among the first ``top`` as 0.
    """
    rows = []
    for each in ranks:
        near = sorted(rank for rank in each if rank <= top)
        first = near[0] if near else np.inf
        ideal = sum(1 / np.log2(1 + k) for k in range(1, min(len(each), top) + 1))
        gain = sum(1 / np.log2(1 + rank) for rank in near)
        rows.append([*(float(first <= k) for k in HITS if k <= top), 1 / first, gain / ideal])
    return np.array(rows)


def ranking_metrics(
    values: np.ndarray, names: Sequence[str], seen: np.ndarray
) -> dict[str, Metric]:
    """Means over questions with intervals; MRR apart for answers with and without training questions.

    Args:
        values: (questions, metrics).
        names: of the metrics.
        seen: (questions,) whether a right answer has a training question.
    """
    mrr = values[:, list(names).index("mrr")]
    counts = np.column_stack([np.ones(len(values)), values, seen, seen * mrr, ~seen, ~seen * mrr])
    width = values.shape[1]

    def statistic(sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = [
                sums[:, width + 2] / sums[:, width + 1],
                sums[:, width + 4] / sums[:, width + 3],
            ]
        return np.column_stack([sums[:, 1 : width + 1] / sums[:, :1], *apart])

    every = [*names, "seen/mrr", "unseen/mrr"]
    wanted = every if 0 < seen.sum() < len(seen) else names
    means = statistic(counts.sum(0, keepdims=True))[0]
    intervals = ft.bootstrap_sums(counts, statistic)
    return {
        name: Metric(float(mean), *interval)
        for name, mean, interval in zip(every, means, intervals, strict=True)
        if name in wanted
    }


def baseline_values(
    ranking: Ranking, questions: Sequence[str], right: Sequence[Sequence[int]], top: int
) -> np.ndarray:
    """What `values_of` gives for another ranking of all answers; of equals the right one comes last."""
    ranks = []
    for begin in range(0, len(questions), ROWS):
        part = slice(begin, begin + ROWS)
        for scores, aims in zip(ranking(questions[part]), right[part], strict=True):
            # An answer that is not known has no score, and no rank.
            ranks.append(
                [np.inf if aim < 0 else float((scores >= scores[aim]).sum()) for aim in aims]
            )
    return values_of(ranks, top)


def baselines(own: str, values: Mapping[str, np.ndarray], names: Sequence[str]) -> Table:
    """The model and what it is compared with, a row each, and how far it is above them.

    Args:
        own: the name of the model among ``values``.
        values: (questions, metrics) of each ranking, of the same questions.
        names: of the metrics.
    """
    ours = values[own]
    at = list(names).index("mrr")
    rows = []
    for name, one in values.items():
        told = ""
        if name != own:
            gain = (ours - one)[:, at : at + 1]
            (interval,) = ft.bootstrap_sums(gain, lambda sums: sums[:, 0] / len(ours))
            told = f"{gain.mean():+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
        rows.append((name, *(round(float(mean), 4) for mean in one.mean(0)), told))
    return Table(
        "Baselines",
        ("ranking", *names, f"mrr of {own} above it"),
        tuple(rows),
        f"{len(ours):,} questions; in brackets 95 % intervals of the difference, question by question",
    )


def short(text: str) -> str:
    """The beginning of a text."""
    one = " ".join(text.split())
    return one if len(one) <= LETTERS else f"{one[: LETTERS - 1]}…"


def trouble(
    catalogue: Catalogue, right: Sequence[Sequence[str]], firsts: Sequence[str]
) -> list[Table]:
    """Answers that are taken for each other, and those that no question reaches.

    Args:
        catalogue: the answers.
        right: of each question, the ids of its right answers.
        firsts: the id of the answer that comes first.
    """
    text = {one.id: short(one.text) for one in catalogue.answers}
    mixed = Counter(
        (own[0], first)
        for own, first in zip(right, firsts, strict=True)
        if own and first not in own
    )
    tables = []
    if mixed:
        rows = tuple(
            (aim, text.get(aim, "not known"), first, text[first], count)
            for (aim, first), count in mixed.most_common(SHOWN)
        )
        tables.append(
            Table(
                "Confusable answers",
                ("right", "its text", "first", "its text ", "questions"),
                rows,
                f"{len(mixed):,} pairs in {mixed.total():,} questions, the most frequent first",
            )
        )
    asked = Counter(one for own in right for one in own)
    hits = Counter(first for own, first in zip(right, firsts, strict=True) if first in own)
    reached = set(firsts)
    lost = sorted((one for one in asked if not hits[one]), key=lambda one: -asked[one])
    never = sum(one.id not in reached for one in catalogue.answers)
    trained = {one.id: one.asked for one in catalogue.answers}
    unfound = tuple(
        (one, text.get(one, "not known"), asked[one], trained.get(one, 0)) for one in lost[:SHOWN]
    )
    tables.append(
        Table(
            "Answers that no question reaches",
            ("answer", "its text", "questions here", "in train"),
            unfound,
            f"{len(lost):,} of {len(asked):,} answers that are right for questions here are never found "
            f"first; {never:,} of all {len(catalogue):,} answers come first for no question",
        )
    )
    return tables
