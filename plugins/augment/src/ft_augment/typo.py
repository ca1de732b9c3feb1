"""Typing errors inside words (after Pruthi et al. 2019, arXiv 1905.11268)."""

from __future__ import annotations

from random import Random

from ft_augment.draw import below, hits, pick

SHORTEST = 4
"""Letters a word must have: the first and the last one stay, as in the paper."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _keyboard() -> dict[str, str]:
    """For each key of a QWERTY keyboard, the keys that touch it."""
    at = {key: (x + y / 2, y) for y, row in enumerate(_ROWS) for x, key in enumerate(row)}
    return {
        key: "".join(
            other for other, (u, v) in at.items() if other != key and abs(u - x) <= 1 >= abs(v - y)
        )
        for key, (x, y) in at.items()
    }


KEYBOARD = _keyboard()


def misspell(word: str, rng: Random) -> str:
    """The word with one error inside: a neighbouring key, two letters exchanged, one dropped or
    doubled, each as likely. A letter that is on no QWERTY key is doubled instead of replaced, two
    equal letters become one instead of being exchanged.
    """
    kind = below(rng, 4)
    if kind == 0:
        i = 1 + below(rng, len(word) - 3)
        if word[i] != word[i + 1]:
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        return word[:i] + word[i + 1 :]
    i = 1 + below(rng, len(word) - 2)
    if kind == 1:
        return word[:i] + word[i + 1 :]
    near = KEYBOARD.get(word[i].lower()) if kind == 2 else None
    if near is None:
        return word[: i + 1] + word[i:]
    key = pick(rng, near)
    return word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :]


def make_typos(
    tokens: list[str],
    tags: list[str] | None,
    rng: Random,
    rate: float,
    *,
    entities: bool = False,
    bio: bool = True,
) -> tuple[list[str], list[str] | None]:
    """Misspell words (see `misspell`); the number of words and the tags stay.

    Only words of four letters or more and of nothing but letters: no number, address, handle or
    single Han character.

    Args:
        tokens: the words.
        tags: their tags, or ``None``.
        rng: source of randomness.
        rate: probability per such word.
        entities: words inside entities may be misspelt too.
        bio: the tags are BIO2; else plain, and no word is inside an entity.

    Returns:
        New words and the given tags; the very lists that were given if nothing was drawn.
    """
    new: list[str] | None = None
    guarded = tags if bio and not entities else None
    for i in hits(rng, len(tokens), rate):
        word = tokens[i]
        if len(word) < SHORTEST or not word.isalpha():
            continue
        if guarded is None or guarded[i] == "O":
            new = list(tokens) if new is None else new
            new[i] = misspell(word, rng)
    return (tokens if new is None else new), tags
