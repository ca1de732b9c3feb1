"""Shuffle within segments (Dai & Adel 2020, arXiv 2010.11683)."""

from __future__ import annotations

from random import Random

from ft_augment.draw import shuffled
from ft_augment.spans import segments


def shuffle_segments(
    tokens: list[str], tags: list[str], rng: Random, rate: float, *, bio: bool = True
) -> tuple[list[str], list[str]]:
    """Bring the words of a segment into random order; the tags stay where they are.

    Args:
        tokens: the words.
        tags: their tags.
        rng: source of randomness.
        rate: probability per segment of two words or more: an entity, or the words between two.
        bio: the tags are BIO2; else plain, and a segment is a run of one tag.

    Returns:
        New words and the given tags; the very lists that were given if nothing was drawn.
    """
    random = rng.random
    new: list[str] | None = None
    for start, end in segments(tags, bio):
        if end - start > 1 and random() < rate:
            new = list(tokens) if new is None else new
            new[start:end] = shuffled(rng, tokens[start:end])
    return (tokens if new is None else new), tags
