"""Words of running text, and spans of characters as tags on them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from ft.contract.errors import DataError
from ft.data.tags.tags import tags_from_spans

_PIECES = re.compile(r"\w+|[^\w\s]")
_HAN = r"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\uff66-\uff9d"
_ALONE = re.compile(f"[{_HAN}{_KANA}]")
_ALONE_OR_RUN = re.compile(f"[{_HAN}{_KANA}]|[^{_HAN}{_KANA}]+")
_JOINERS = "\u200c\u200d"
_NOTHING = "\u200b\u2060\ufeff\u00ad"


def split_words(text: str) -> list[tuple[int, int]]:
    """The words of a text as ``(start, end)`` offsets of characters, end exclusive.

    A word is a run of letters, digits and their marks, or one character of punctuation; Chinese
    characters and Japanese syllables are words of their own, as in BERT. Every visible character
    is in a word.
    """
    found = [match.span() for match in _PIECES.finditer(text)]
    if text.isascii():
        return found
    found = _join_marks(text, found)
    if _ALONE.search(text):
        found = [
            (start + part.start(), start + part.end())
            for start, end in found
            for part in _ALONE_OR_RUN.finditer(text[start:end])
        ]
    return found


def _join_marks(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Marks (vowel signs, accents) and joiners belong to the letters they stand between."""
    found: list[tuple[int, int]] = []
    joining = False
    for start, end in pieces:
        character = text[start]
        if character in _NOTHING:
            continue
        mark = end - start == 1 and (
            character in _JOINERS or unicodedata.category(character).startswith("M")
        )
        touches = bool(found) and found[-1][1] == start
        wordy = character.isalnum() or character == "_"
        if touches and (mark or (joining and wordy)):
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
        joining = mark
    return found


def words_with_tags(
    text: str, spans: Sequence[tuple[int, int, str]]
) -> tuple[list[str], list[str]]:
    """The words of a text and BIO2 tags for spans of its characters.

    Args:
        text: the text.
        spans: ``(start, end, type)``, offsets of characters, end exclusive. A span that begins or
            ends inside a word splits it.

    Returns:
        Words and tags, of one length.

    Raises:
        DataError: a span is empty, outside the text, over white space alone, or overlaps another.
    """
    cuts = {cut for start, end, _ in spans for cut in (start, end)}
    words = [part for word in split_words(text) for part in _cut(word, cuts)]
    marked = []
    before = (0, 0)
    for start, end, kind in sorted(spans):
        if not 0 <= start < end <= len(text):
            raise DataError(
                f"the span {start} to {end} ({kind}) does not fit a text of {len(text)} characters"
            )
        if start < before[1]:
            raise DataError(
                f"the span {start} to {end} ({kind}) overlaps the one of {before[0]} to {before[1]}"
            )
        before = start, end
        inside = [i for i, word in enumerate(words) if start <= word[0] and word[1] <= end]
        if not inside:
            raise DataError(f"the span {start} to {end} ({kind}) covers no word")
        marked.append((inside[0], inside[-1] + 1, kind))
    return [text[start:end] for start, end in words], tags_from_spans(len(words), marked)


def _cut(word: tuple[int, int], cuts: set[int]) -> list[tuple[int, int]]:
    inside = sorted(cut for cut in cuts if word[0] < cut < word[1])
    edges = [word[0], *inside, word[1]]
    return list(pairwise(edges))
