"""From scores of tags to tags, and from tags to entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ft import tags as schemes


def allowed_transitions(labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which tag may begin a sentence, (tags,), and follow which, (tags, tags), in BIO2."""
    begin = np.array([schemes.is_legal(None, tag) for tag in labels])
    follow = np.array([[schemes.is_legal(before, tag) for tag in labels] for before in labels])
    return begin, follow


def choose_tags(
    logits: np.ndarray, allowed: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The tag of each word.

    Args:
        logits: (words, tags), of one word or more.
        allowed: what `allowed_transitions` gave, to choose the likeliest sequence that BIO2 allows
            (Viterbi 1967); ``None`` for the likeliest tag of each word alone.

    Returns:
        Tag ids, (words,), and the probability of every tag, (words, tags).
    """
    shifted = logits - logits.max(-1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    chosen = log_probabilities.argmax(-1)
    if allowed is not None:
        begin, follow = allowed
        # The best free sequence is also the best legal one when it is legal.
        if not begin[chosen[0]] or not follow[chosen[:-1], chosen[1:]].all():
            chosen = _viterbi(log_probabilities, begin, follow)
    return chosen, np.exp(log_probabilities)


def _viterbi(scores: np.ndarray, begin: np.ndarray, follow: np.ndarray) -> np.ndarray:
    forbidden = np.where(follow, 0.0, -np.inf)
    best = scores[0] + np.where(begin, 0.0, -np.inf)
    back = np.zeros(scores.shape, dtype=np.int64)
    for i in range(1, len(scores)):
        paths = best[:, None] + forbidden
        back[i] = paths.argmax(0)
        best = paths.max(0) + scores[i]
    path = [int(best.argmax())]
    for i in range(len(scores) - 1, 0, -1):
        path.append(int(back[i][path[-1]]))
    return np.array(path[::-1])


def entities(
    tags: Sequence[str],
    scores: Sequence[float] | np.ndarray,
    tokens: Sequence[str],
    text: str | None = None,
    offsets: Sequence[Sequence[int]] | None = None,
) -> list[dict[str, Any]]:
    """The entities of a tagged sentence.

    A tag that continues no entity of its type opens one, as in transformers' pipeline.

    Returns:
        For each: ``type``, ``score`` (mean probability of its words' tags), ``text``, the words
        ``first`` up to and including ``last``, and with offsets the characters ``start`` up to but
        not including ``end``.
    """
    found = []
    for first, end, kind in schemes.spans(tags):
        last = end - 1
        entity: dict[str, Any] = {
            "type": kind,
            "score": round(float(np.mean(scores[first:end])), 6),
            "text": " ".join(tokens[first:end]),
            "first": first,
            "last": last,
        }
        if text is not None and offsets is not None:
            start, stop = offsets[first][0], offsets[last][1]
            entity |= {"text": text[start:stop], "start": start, "end": stop}
        found.append(entity)
    return found
