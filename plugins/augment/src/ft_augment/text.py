"""The operations on a free text: words and the spacing between them.

A word is a run without spaces, or a single Han character or kana. ``gaps`` has one entry more than
``words``: the spacing before each word, and that after the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from ft_augment.deletion import delete_words
from ft_augment.punctuation import marks_before
from ft_augment.spans import PIECES, is_unspaced
from ft_augment.swap import swap_words
from ft_augment.synonym import replace_synonyms
from ft_augment.typo import make_typos

Parts = tuple[list[str], list[str]]
"""Words and gaps."""

_AROUND = ".,;:!?\"'()[]{}<>…“”‘’«»„-–—*"
"""Marks that stick to a word without being part of it."""


def split(text: str) -> Parts:
    """The words of a text and the spacing around them."""
    parts = PIECES.split(text)
    return parts[1::2], parts[0::2]


def join(words: Sequence[str], gaps: Sequence[str]) -> str:
    """The text again; ``join(*split(text)) == text``."""
    parts = [""] * (len(words) + len(gaps))
    parts[0::2] = gaps
    parts[1::2] = words
    return "".join(parts)


def cores(words: Sequence[str]) -> list[str]:
    """The words without the marks that stick to them."""
    return [word.strip(_AROUND) for word in words]


def synonyms(
    words: list[str],
    gaps: list[str],
    rng: Random,
    rate: float,
    neighbours: Mapping[str, Sequence[str]],
) -> Parts:
    """See `replace_synonyms`; marks around a word stay."""
    bare = cores(words)
    new, _ = replace_synonyms(bare, None, rng, rate, neighbours)
    return (words if new is bare else _dressed(words, bare, new)), gaps


def typos(words: list[str], gaps: list[str], rng: Random, rate: float) -> Parts:
    """See `make_typos`; marks around a word stay."""
    bare = cores(words)
    new, _ = make_typos(bare, None, rng, rate)
    return (words if new is bare else _dressed(words, bare, new)), gaps


def swap(words: list[str], gaps: list[str], rng: Random, rate: float) -> Parts:
    """See `swap_words`; the spacing stays where it is."""
    return swap_words(words, None, rng, rate)[0], gaps


def delete(words: list[str], gaps: list[str], rng: Random, rate: float) -> Parts:
    """See `delete_words`; a word goes with the spacing before it, the first with that after it."""
    new, before = delete_words(words, gaps[:-1], rng, rate, bio=False)
    if new is words or before is None:
        return words, gaps
    return new, [gaps[0], *before[1:], gaps[-1]]


def punctuation(words: list[str], gaps: list[str], rng: Random, rate: float) -> Parts:
    """See `insert_punctuation`; a mark stands between spaces where the words do."""
    found = marks_before(words, None, rng, rate)
    if not found:
        return words, gaps
    words, gaps = list(words), list(gaps)
    for i, mark in reversed(found):
        tight = not gaps[i] if i else is_unspaced(words[0])
        words.insert(i, mark)
        gaps.insert(i + 1, "" if tight else " ")
    return words, gaps


def _dressed(words: Sequence[str], bare: Sequence[str], new: Sequence[str]) -> list[str]:
    return [
        word if after is before else word.replace(before, after, 1)
        for word, before, after in zip(words, bare, new, strict=True)
    ]
