"""Where entities are: the spans that BIO2 tags mark, and what lies between them."""

from __future__ import annotations

import re
from collections.abc import Sequence

Span = tuple[int, int]
"""Half-open range of word positions."""

_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
"""Han characters and kana, as a regular expression's character range."""

PIECES = re.compile(rf"([{_UNSPACED}]|[^\s{_UNSPACED}]+)")
"""A word of a text: a run without spaces, or a single Han character or kana."""

_one_unspaced = re.compile(rf"[{_UNSPACED}]").fullmatch


def is_unspaced(word: str) -> bool:
    """Whether the word is a single character of a script written without spaces."""
    return len(word) == 1 and _one_unspaced(word) is not None


def entities(tags: Sequence[str]) -> list[Span]:
    """The spans of the entities in BIO2 tags, in order."""
    spans = []
    start = -1
    for i, tag in enumerate(tags):
        if tag[:2] == "I-":
            continue
        if start >= 0:
            spans.append((start, i))
        start = i if tag != "O" else -1
    if start >= 0:
        spans.append((start, len(tags)))
    return spans


def units(tags: Sequence[str]) -> list[Span]:
    """Every entity as one span, and every word outside of entities as one."""
    starts = [i for i, tag in enumerate(tags) if tag[:2] != "I-"]
    return list(zip(starts, [*starts[1:], len(tags)], strict=True))


def segments(tags: Sequence[str], bio: bool = True) -> list[Span]:
    """The runs that shuffle within segments keeps apart (Dai & Adel 2020).

    With BIO2 tags a segment is an entity, or the words between two; with plain tags
    (``bio=False``) a run of one tag.
    """
    spans = []
    start = 0
    for i in range(1, len(tags) + 1):
        if i < len(tags):
            tag = tags[i]
            if tag[:2] == "I-" if bio and tag != "O" else tag == tags[i - 1]:
                continue
        spans.append((start, i))
        start = i
    return spans if tags else []
