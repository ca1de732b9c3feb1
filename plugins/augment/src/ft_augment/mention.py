"""Mention replacement (Dai & Adel 2020, arXiv 2010.11683)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from ft_augment.draw import pick
from ft_augment.spans import entities


def replace_mentions(
    tokens: list[str],
    tags: list[str],
    rng: Random,
    rate: float,
    mentions: Mapping[str, Sequence[Sequence[str]]],
) -> tuple[list[str], list[str]]:
    """Put another mention of the same type in the place of a mention.

    Args:
        tokens: the words.
        tags: their BIO2 tags.
        rng: source of randomness.
        rate: probability per mention.
        mentions: by entity type, the mentions to draw from, uniformly; each a list of words.

    Returns:
        New words and tags, longer or shorter where the mentions are; the very lists that were
        given if no mention was drawn.
    """
    random = rng.random
    new_tokens: list[str] = []
    new_tags: list[str] = []
    done = 0
    for start, end in entities(tags):
        if random() >= rate:
            continue
        kind = tags[start][2:]
        known = mentions.get(kind)
        if not known:
            continue
        mention = pick(rng, known)
        new_tokens += tokens[done:start]
        new_tokens += mention
        new_tags += tags[done : start + 1]
        new_tags += [f"I-{kind}"] * (len(mention) - 1)
        done = end
    if not done:
        return tokens, tags
    return new_tokens + tokens[done:], new_tags + tags[done:]
