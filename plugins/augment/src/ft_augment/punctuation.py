"""Punctuation insertion (AEDA, Karimi et al. 2021, arXiv 2108.13230), never inside an entity."""

from __future__ import annotations

from random import Random

from ft_augment.draw import below, pick, shuffled
from ft_augment.spans import is_unspaced

MARKS = (".", ";", "?", ":", "!", ",")
_FULL_WIDTH = dict(zip(MARKS, "。；？：！，", strict=True))


def marks_before(
    tokens: list[str], tags: list[str] | None, rng: Random, rate: float, *, bio: bool = True
) -> list[tuple[int, str]]:
    """The marks to insert, each with the position of the word it goes before, in order.

    Takes the arguments of `insert_punctuation`.
    """
    if not tokens or rng.random() >= rate:
        return []
    count = 1 + below(rng, max(1, len(tokens) // 3))
    if bio and tags is not None:
        places = [i for i, tag in enumerate(tags) if tag[:2] != "I-"]
    else:
        places = list(range(len(tokens)))
    found = []
    for i in sorted(shuffled(rng, places, count)):
        mark = pick(rng, MARKS)
        found.append((i, _FULL_WIDTH[mark] if is_unspaced(tokens[i]) else mark))
    return found


def insert_punctuation(
    tokens: list[str],
    tags: list[str] | None,
    rng: Random,
    rate: float,
    *,
    bio: bool = True,
) -> tuple[list[str], list[str] | None]:
    """Insert punctuation marks before random words, as many as one to a third of the words.

    A mark before a Han character or kana is a full-width one.

    Args:
        tokens: the words.
        tags: their tags, or ``None``; a mark is tagged ``"O"``.
        rng: source of randomness.
        rate: probability per sentence.
        bio: the tags are BIO2, and no mark goes inside an entity; else plain, with an ``"O"``.

    Returns:
        New words and tags; the very lists that were given if nothing was drawn.
    """
    found = marks_before(tokens, tags, rng, rate, bio=bio)
    if not found:
        return tokens, tags
    new_tokens = list(tokens)
    new_tags = None if tags is None else list(tags)
    for i, mark in reversed(found):
        new_tokens.insert(i, mark)
        if new_tags is not None:
            new_tags.insert(i, "O")
    return new_tokens, new_tags
