"""Spans of characters as tags on the words of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ft.contract.errors import DataError
from ft.data.tags.cutting import Span, split_words
from ft.data.tags.tags import tags_from_spans


@dataclass(frozen=True)
class Tagged:
    """The words of a text with their tags.

    Attributes:
        words: as the rule cuts them.
        tags: BIO2, one a word.
        widened: spans that begin or end inside a word, and the words that the tags mark instead.
    """

    words: list[str]
    tags: list[str]
    widened: list[tuple[str, str]]


def tag_words(text: str, spans: Sequence[tuple[int, int, str]], rule: str = "words") -> Tagged:
    """The words of a text and BIO2 tags for spans of its characters.

    The text is cut as a request for a prediction is: where a span begins or ends inside a word, the
    whole word is tagged.

    Args:
        text: the text.
        spans: ``(start, end, type)``, offsets of characters, end exclusive.
        rule: how the text is cut, see `ft.data.tags.cutting`.

    Raises:
        DataError: a span is empty, outside the text, over white space alone, or overlaps another,
            or two have a part of one word each.
    """
    words = split_words(text, rule)
    marked: list[tuple[int, int, str]] = []
    widened = []
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
        touched = [i for i, word in enumerate(words) if start < word[1] and word[0] < end]
        if not touched:
            raise DataError(f"the span {start} to {end} ({kind}) covers no word")
        first, last = touched[0], touched[-1]
        whole = words[first][0], words[last][1]
        if marked and first < marked[-1][1]:
            raise DataError(
                f"the spans {before[0]} to {before[1]} and {start} to {end} ({kind}) have a part "
                f"each of the word {_cut(text, words[first])!r}"
            )
        if start > whole[0] or end < whole[1]:
            widened.append((text[start:end], _cut(text, whole)))
        marked.append((first, last + 1, kind))
        before = start, end
    tags = tags_from_spans(len(words), marked)
    return Tagged([_cut(text, word) for word in words], tags, widened)


def _cut(text: str, span: Span) -> str:
    return text[span[0] : span[1]]
