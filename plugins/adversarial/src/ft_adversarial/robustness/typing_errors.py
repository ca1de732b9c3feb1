"""Typing errors, language-independent, to see how much a model can take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    places = {key: (x + 0.5 * y, y) for y, row in enumerate(_ROWS) for x, key in enumerate(row)}
    return {
        key: "".join(
            other
            for other, (u, v) in places.items()
            if other != key and abs(u - x) <= 1 and abs(v - y) <= 1
        )
        for key, (x, y) in places.items()
    }


NEIGHBOURS = _neighbours()
"""For each key of a QWERTY keyboard, the keys that touch it."""


def typos(words: Sequence[str], rng: np.random.Generator, rate: float) -> list[str]:
    """Words with typing errors; as many words as before, so that tags stay aligned.

    Each letter is hit with probability ``rate``, by one of four errors, each as likely: the
    neighbouring key, dropped, doubled, exchanged with the next letter. A letter on no QWERTY key is
    doubled where it would be replaced; the only letter of a word is never dropped; digits,
    punctuation and blanks stay. A whole text may be given as one word.

    Args:
        words: the words.
        rng: source of randomness.
        rate: share of letters hit, in [0, 1].
    """
    return [_misspelt(word, rng, rate) for word in words]


def _misspelt(word: str, rng: np.random.Generator, rate: float) -> str:
    hits = np.flatnonzero(rng.random(len(word)) < rate)
    if not len(hits):
        return word
    letters = list(word)
    left = sum(map(str.isalpha, letters))
    for i in hits:
        # An exchange carries its letter on; what arrives at the next place may be hit again.
        if not word[i].isalpha() or not letters[i]:
            continue
        kind = int(rng.integers(4))
        near = NEIGHBOURS.get(letters[i].lower())
        if kind == 0 and near:
            key = near[int(rng.integers(len(near)))]
            letters[i] = key.upper() if letters[i].isupper() else key
        elif kind == 1 and left > 1:
            letters[i] = ""
            left -= 1
        elif kind == 2 and i + 1 < len(letters) and word[i + 1].isalpha():
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
        else:
            letters[i] *= 2
    return "".join(letters)
