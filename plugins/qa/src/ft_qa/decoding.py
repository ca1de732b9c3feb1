"""From the logits of windows to the best answers of each example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ft_qa.windows import BEGIN, END


class Candidate(NamedTuple):
    """An answer.

    Attributes:
        score: the sum of its two logits.
        start: its first character.
        end: the character behind its last.
    """

    score: float
    start: int
    end: int


class Ranked(NamedTuple):
    """What the windows of one example say.

    Attributes:
        null: the score of no answer: the lowest of any window, as one that holds the answer says
            that there is one.
        best: answers at different places, the best first; none where the context has no token.
    """

    null: float
    best: list[Candidate]


def rank_answers(
    features: Sequence[Mapping[str, Any]],
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    nulls: Sequence[int],
    context: str,
    *,
    longest: int,
    most: int,
) -> Ranked:
    """The best answers over all windows of an example.

    Args:
        features: of each window, with the characters of its tokens.
        starts: of each window the logits of an answer's first token, (tokens,).
        ends: of its last token.
        nulls: of each window the position of the token that stands for no answer.
        context: the text that answers stand in.
        longest: tokens of an answer at most.
        most: answers that are returned at most.
    """
    found: dict[tuple[int, int], float] = {}
    null = np.inf
    for feature, start, end, mark in zip(features, starts, ends, nulls, strict=True):
        null = min(null, float(start[mark]) + float(end[mark]))
        for score, begin, stop in _window(feature, start, end, longest, most):
            place = _trimmed(context, begin, stop)
            if place and score > found.get(place, -np.inf):
                found[place] = score
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return Ranked(null, [Candidate(score, *place) for place, score in ranked[:most]])


def _window(
    feature: Mapping[str, Any], start: np.ndarray, end: np.ndarray, longest: int, most: int
) -> list[tuple[float, int, int]]:
    """The best spans of one window as score, first character and the one behind the last."""
    begins, stops = np.asarray(feature[BEGIN]), np.asarray(feature[END])
    tokens = np.flatnonzero((begins >= 0) & (stops > begins))
    if not len(tokens):
        return []
    # (tokens, longest): an answer by its first token and how many more it has.
    more = np.arange(min(longest, len(tokens)))
    last = np.arange(len(tokens))[:, None] + more
    there = last < len(tokens)
    chosen = tokens[np.minimum(last, len(tokens) - 1)]
    scores = start[tokens][:, None].astype(np.float64) + end[chosen]
    scores = np.where(there, scores, -np.inf).ravel()
    count = min(2 * most, int(there.sum()))
    top = np.argpartition(-scores, count - 1)[:count]
    return [
        (float(scores[i]), int(begins[tokens[i // len(more)]]), int(stops[chosen.ravel()[i]]))
        for i in top
    ]


def _trimmed(context: str, start: int, end: int) -> tuple[int, int] | None:
    """The place without blanks at its ends, which the tokens of some tokenizers begin with."""
    text = context[start:end]
    start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
    return (start, end) if start < end else None


def as_item(ranked: Ranked, context: str, threshold: float | None) -> dict[str, Any]:
    """A prediction: the answer, its place, and the best others.

    Args:
        ranked: what the windows say.
        context: the text.
        threshold: what the best answer must gain over none; ``None``: there always is an answer.
    """
    best = ranked.best
    gain = best[0].score - ranked.null if best else -np.inf
    given = bool(best) and (threshold is None or gain > threshold)
    places = [{"start": one.start, "end": one.end} for one in best[:1]] if given else []
    return {
        "answer": context[best[0].start : best[0].end] if given else "",
        "answers": places,
        "score": float(gain) if best else None,
        "best": [
            {
                "answer": context[one.start : one.end],
                "start": one.start,
                "end": one.end,
                "score": one.score - ranked.null,
            }
            for one in best
        ],
    }
