"""Synonym replacement (EDA, Wei & Zou 2019; Dai & Adel 2020), with neighbours for synonyms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from ft_augment.draw import hits, pick


def replace_synonyms(
    tokens: list[str],
    tags: list[str] | None,
    rng: Random,
    rate: float,
    neighbours: Mapping[str, Sequence[str]],
    *,
    entities: bool = False,
    bio: bool = True,
) -> tuple[list[str], list[str] | None]:
    """Put a near synonym in the place of a word; the tags stay.

    Args:
        tokens: the words.
        tags: their tags, or ``None``.
        rng: source of randomness.
        rate: probability per word that ``neighbours`` knows.
        neighbours: by word as it is written, what may stand for it (see `find_neighbours`).
        entities: words inside entities may be replaced too.
        bio: the tags are BIO2; else plain, and no word is inside an entity.

    Returns:
        New words and the given tags; the very lists that were given if nothing was drawn.
    """
    new: list[str] | None = None
    guarded = tags if bio and not entities else None
    for i in hits(rng, len(tokens), rate):
        near = neighbours.get(tokens[i])
        if near and (guarded is None or guarded[i] == "O"):
            new = list(tokens) if new is None else new
            new[i] = pick(rng, near)
    return (tokens if new is None else new), tags
