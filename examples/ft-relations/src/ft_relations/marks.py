"""Sentences whose two entities are marked: ``The <e1>author</e1> of a <e2>keygen</e2>``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

OPENING = ("<e1>", "<e2>")
MARKS = ("<e1>", "</e1>", "<e2>", "</e2>")

_MARK = re.compile("(" + "|".join(MARKS) + ")")


def mark(text: str, e1: Mapping[str, Any], e2: Mapping[str, Any]) -> str:
    """A sentence with its entities marked.

    Args:
        text: the sentence.
        e1: the first entity, from character ``start`` up to ``end``, not included.
        e2: the second; it may stand before the first.

    Raises:
        ValueError: the places do not fit the sentence; the message reads on from "the row".
    """
    if _MARK.search(text):
        raise ValueError("has marks in its text and places of entities beside it")
    spans = {}
    for name, entity in (("e1", e1), ("e2", e2)):
        start, end = entity.get("start"), entity.get("end")
        if not isinstance(start, int) or not isinstance(end, int):
            raise ValueError(f"has no whole numbers as start and end of {name}")
        if not 0 <= start < end <= len(text):
            raise ValueError(f"has {name} at {start} to {end}, in a text of {len(text)} characters")
        said = entity.get("text")
        if said is not None and said != text[start:end]:
            raise ValueError(f"has {text[start:end]!r} at the place of {name}, not {said!r}")
        spans[name] = (start, end)
    (first, (a, b)), (second, (c, d)) = sorted(spans.items(), key=lambda item: item[1])
    if c < b:
        raise ValueError("has entities that overlap")
    return (
        f"{text[:a]}<{first}>{text[a:b]}</{first}>{text[b:c]}"
        f"<{second}>{text[c:d]}</{second}>{text[d:]}"
    )


def check_marks(text: str) -> None:
    """See to it that both entities are marked, once each, one after the other.

    Raises:
        ValueError: they are not; the message reads on from "the row".
    """
    parts = _MARK.split(text)
    found = parts[1::2]
    missing = [one for one in MARKS if one not in found]
    if missing:
        raise ValueError(f"has no {' and no '.join(missing)} in its text")
    if len(found) > len(MARKS):
        twice = next(one for one in MARKS if found.count(one) > 1)
        raise ValueError(f"has {twice} more than once")
    if any(
        end != start.replace("<", "</") for start, end in zip(found[::2], found[1::2], strict=True)
    ):
        raise ValueError("has marks that cross or are closed before they open")
    if not all(parts[i].strip() for i in (2, 6)):
        raise ValueError("has an empty entity")


def spaced(text: str) -> str:
    """The text with each mark set apart by spaces, as the tokenizer is given it."""
    return _MARK.sub(r" \1 ", text)
