"""Random deletion (EDA, Wei & Zou 2019, arXiv 1901.11196) outside of entities."""

from __future__ import annotations

from random import Random

from ft_augment.draw import below, hits


def delete_words(
    tokens: list[str], tags: list[str] | None, rng: Random, rate: float, *, bio: bool = True
) -> tuple[list[str], list[str] | None]:
    """Leave out words, none of an entity, never all.

    Args:
        tokens: the words.
        tags: their tags, or ``None``.
        rng: source of randomness.
        rate: probability per word outside of entities.
        bio: the tags are BIO2; else plain, and any word may go.

    Returns:
        New words and tags; the very lists that were given if nothing was drawn.
    """
    chosen = hits(rng, len(tokens), rate)
    if bio and tags is not None:
        chosen = [i for i in chosen if tags[i] == "O"]
    if len(chosen) == len(tokens) and chosen:
        del chosen[below(rng, len(chosen))]
    if not chosen:
        return tokens, tags
    new_tokens = list(tokens)
    new_tags = None if tags is None else list(tags)
    for i in reversed(chosen):
        del new_tokens[i]
        if new_tags is not None:
            del new_tags[i]
    return new_tokens, new_tags
