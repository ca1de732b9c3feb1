"""Whether every word needs pieces of its own, told by the marks at which spans end."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ft.data.rows.entry import Entry, batches
from ft.data.tags.cutting import find_words
from ft.data.tags.tags import spans


def must_cut(train: Sequence[Entry], scheme: str | None) -> tuple[bool, list[str]]:
    """Whether a text must be cut where a piece of a tokenizer reaches over words.

    So it is with plain tags, which any word may have, and where a span of the training data ends
    with a mark that may have no piece of its own (see `ft.Words`).

    Args:
        train: with columns ``tokens``, ``tags``, and ``text`` where the text is known.
        scheme: ``"BIO2"``, or ``None`` for plain tags.

    Returns:
        That, and what there is to say of it.
    """
    found = 0
    for entry in train if scheme else ():
        for batch in batches(entry):
            if "text" not in batch.schema.names:
                break
            columns = (batch.column(name).to_pylist() for name in ("text", "tokens", "tags"))
            for text, words, tags in zip(*columns, strict=True):
                found += count_marks(text, words, tags) if isinstance(text, str) else 0
    if not found:
        return not scheme, []
    return True, [
        f"spans that end with a mark beside another word or mark: {found:,}, so every word gets "
        "pieces of its own: where the tokenizer joins such marks, its pieces of a text are others"
    ]


def count_marks(text: str, words: Sequence[str], tags: Sequence[str]) -> int:
    """How many spans end with a mark that a tokenizer may join with what it touches.

    That is a mark behind another (``."``), or in front of what is more than a mark, no longer of the
    span.
    """
    ends = [end for _, end, _ in spans(tags) if weight(words[end - 1]) < LETTERS]
    places = find_words(text, words) if ends else None
    if places is None:
        return 0
    found = 0
    for end in ends:
        start, stop = places[end - 1]
        behind = end > 1 and places[end - 2][1] == start and weight(words[end - 2]) < LETTERS
        before = end < len(words) and places[end][0] == stop and weight(words[end]) > MARK
        found += behind or before
    return found


MARK, CURRENCY, LETTERS = range(3)


def weight(word: str) -> int:
    """How much a word is worth a piece of its own: more with letters or digits, less as a mark, and
    between these as the sign of a currency, with which amounts begin.
    """
    if any(map(str.isalnum, word)):
        return LETTERS
    return CURRENCY if unicodedata.category(word[0]) == "Sc" else MARK
