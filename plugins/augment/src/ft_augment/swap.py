"""Random swap (EDA, Wei & Zou 2019, arXiv 1901.11196), entities moved as a whole."""

from __future__ import annotations

from random import Random

from ft_augment.draw import below, hits
from ft_augment.spans import is_unspaced, units


def swap_words(
    tokens: list[str], tags: list[str] | None, rng: Random, rate: float, *, bio: bool = True
) -> tuple[list[str], list[str] | None]:
    """Let a word or a whole entity trade places with another one; the tags move along.

    A single Han character or kana trades with the one beside it, since a character that travels
    far leaves no word behind.

    Args:
        tokens: the words.
        tags: their tags, or ``None``.
        rng: source of randomness.
        rate: probability per word outside of entities, and per entity. The paper makes
            ``alpha * len(tokens)`` swaps, as many as a rate of alpha makes on average.
        bio: the tags are BIO2; else plain, and every word moves alone.

    Returns:
        New words and tags; the very lists that were given if nothing was drawn.
    """
    spans = None
    if bio and tags is not None and tags.count("O") < len(tags):
        spans = units(tags)
    count = len(tokens) if spans is None else len(spans)
    chosen = hits(rng, count, rate)
    if count < 2 or not chosen:
        return tokens, tags
    order = list(range(count))
    for i in chosen:
        if is_unspaced(tokens[i if spans is None else spans[i][0]]):
            j = i + 1 if i + 1 < count else i - 1
        else:
            j = below(rng, count - 1)
            j += j >= i
        order[i], order[j] = order[j], order[i]
    if spans is not None:
        order = [at for unit in order for at in range(*spans[unit])]
    return [tokens[i] for i in order], None if tags is None else [tags[i] for i in order]
