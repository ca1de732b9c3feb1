"""Hard negatives: wrong answers that the model takes for nearly right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

ROWS = 1024
"""Questions that are compared at a time."""

RANGE = 4
"""So many times as many of the nearest are drawn from, so that epochs differ."""


def mine(
    questions: np.ndarray,
    answers: np.ndarray,
    right: Sequence[Sequence[int]],
    allowed: np.ndarray,
    count: int,
    margin: float,
    draw: Callable[[int], np.random.Generator],
) -> np.ndarray:
    """Wrong answers of each question, (questions, count), by number; -1 where there are too few.

    An answer whose score is above that of the right one less a share may be right too, and is left
    out (de Souza P. Moreira et al. 2024, NV-Retriever, `arXiv 2407.15831
    <https://arxiv.org/abs/2407.15831>`__).

    Args:
        questions: (questions, width) vectors.
        answers: (answers, width) vectors.
        right: the numbers of every right answer of each question, the one that trains first.
        allowed: (answers,) whether one may be mined: none that train does not have, or the model
            would learn to put what other splits ask for behind.
        count: wrong answers of each question.
        margin: the share of the right answer's score.
        draw: gives the random numbers of a question.
    """
    found = np.full((len(questions), count), -1, np.int64)
    for begin in range(0, len(questions), ROWS):
        scores = questions[begin : begin + ROWS] @ answers.T
        for offset, row in enumerate(scores):
            place = begin + offset
            own = list(right[place])
            if not own:
                continue
            aim = row[own[0]]
            row[~allowed | (row > aim - margin * abs(aim))] = -np.inf
            row[own] = -np.inf
            possible = int(np.isfinite(row).sum())
            most = min(RANGE * count, possible)
            near = np.argsort(-row, kind="stable")[:most]
            taken = draw(place).permutation(near)[:count]
            found[place, : len(taken)] = taken
    return found
