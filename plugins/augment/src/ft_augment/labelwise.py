"""Label-wise token replacement (Dai & Adel 2020, arXiv 2010.11683)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from random import Random

from ft_augment.draw import hits, pick


def replace_tokens(
    tokens: list[str],
    tags: list[str],
    rng: Random,
    rate: float,
    words: Mapping[str, Sequence[str]],
    spare: Collection[str] = frozenset(),
) -> tuple[list[str], list[str]]:
    """Put another word that carries the same tag in the place of a word; the tags stay.

    Args:
        tokens: the words.
        tags: their tags, in any scheme.
        rng: source of randomness.
        rate: probability per word.
        words: by tag, the words to draw from, each as often as it occurs in the training split.
        spare: lower-case words that stay (stop words, as in the authors' code).

    Returns:
        New words and the given tags; the very lists that were given if nothing was drawn.
    """
    chosen = hits(rng, len(tokens), rate)
    if not chosen:
        return tokens, tags
    new = list(tokens)
    for i in chosen:
        known = words.get(tags[i])
        if known and tokens[i].lower() not in spare:
            new[i] = pick(rng, known)
    return new, tags
