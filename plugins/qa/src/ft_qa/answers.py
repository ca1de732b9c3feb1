"""The gold answers of a row, in whatever form its file has them, as characters of its context."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ft import is_blank, spelled

QUESTION, CONTEXT, ANSWERS = "question", "context", "answers"

START = "answer_start"
"""Column, or key of an answer, with the first character of a text."""

IMPOSSIBLE = "is_impossible"
"""Column that says whether a question has no answer."""

YES, NO = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0", "", "none", "nan")

Span = dict[str, int]


class Found(NamedTuple):
    """The answers of a row.

    Attributes:
        spans: ``{"start", "end"}``, each once, in the order of the file.
        guessed: an answer without a place stands several times in the context; the first was taken.
    """

    spans: list[Span]
    guessed: bool


def find_answers(row: Mapping[str, Any]) -> Found:
    """The answers of a row.

    Raises:
        ValueError: an answer is not in the context, or not where the row says it is.
    """
    context = row[CONTEXT]
    spans: list[Span] = []
    guessed = False
    for text, start, end in _given(row):
        if start is None and text is not None:
            start = context.find(text)
            guessed |= start >= 0 and context.find(text, start + 1) >= 0
            if start < 0:
                raise ValueError(
                    f"has an answer that is not in its context: {_short(text)}{_alike(text, context)}"
                )
        if start is None:
            raise ValueError("has an answer with neither a text nor a start")
        end = start + len(text or "") if end is None else end
        if not 0 <= start < end <= len(context):
            raise ValueError(
                f"has an answer outside of its context: characters {start} to {end} of {len(context)}"
            )
        if (
            text is not None
            and context[start : start + len(text)] == text
            and len(text) != end - start
        ):
            raise ValueError(
                f"says that the answer {_short(text)} ends at {end}, but its last character is "
                f"{start + len(text) - 1}: an end is the character behind it, {start + len(text)}"
            )
        if text is not None and context[start:end] != text:
            raise ValueError(_misplaced(context, text, start, end))
        span = {"start": start, "end": end}
        if span not in spans:
            spans.append(span)
    return Found(spans, guessed)


def row_fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row, ``None`` if nothing is."""
    for name in (QUESTION, CONTEXT):
        value = row[name]
        if not isinstance(value, str):
            return f"has no text as its {name}"
        if is_blank(value):
            return f"has an empty {name}"
    try:
        find_answers(row)
    except ValueError as error:
        return str(error)
    return None


def _given(row: Mapping[str, Any]) -> list[tuple[str | None, int | None, int | None]]:
    """Text, start and end of each answer as the row has them."""
    given = row[ANSWERS]
    if _impossible(row.get(IMPOSSIBLE)):
        return []
    if isinstance(given, str) and given not in row[CONTEXT]:
        given = spelled(given)
    if isinstance(given, float) and given != given:
        given = None
    if isinstance(given, Mapping):
        texts, starts = given.get("text"), given.get(START)
        if texts is None or isinstance(texts, str):
            given = [given] if texts else []
        elif not isinstance(starts, Sequence) or len(starts) != len(texts):
            raise ValueError(f"has {len(texts)} answers, but not as many in {START!r}")
        else:
            given = [{"text": a, START: b} for a, b in zip(texts, starts, strict=True)]
    if isinstance(given, str):
        given = [{"text": given, START: row.get(START)}]
    if not isinstance(given, Sequence | None):
        raise ValueError(f"has answers that are no text and no list: {given!r}")
    found = []
    for one in given or []:
        one = {"text": one} if isinstance(one, str) else one
        if not isinstance(one, Mapping):
            raise ValueError(f"has an answer that is neither a text nor a mapping: {one!r}")
        start = one.get("start", one.get(START))
        text = one.get("text")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"has an answer whose text is no text: {text!r}")
        end = _whole(one.get("end"), "end")
        if text is not None and is_blank(text):
            if end is None:
                continue
            text = None
        found.append((text, _whole(start, "start"), end))
    return found


def _impossible(value: Any) -> bool:
    """Whether a row says that its question has no answer; a CSV file has texts for it."""
    told = str(value).strip().lower()
    if told in YES or value is None or told in NO:
        return told in YES
    raise ValueError(f"has {value!r} in {IMPOSSIBLE!r}, which is neither true nor false")


def _whole(value: Any, name: str) -> int | None:
    """A position, ``None`` where there is none; the texts of a CSV file are read as numbers."""
    if value is None or value == "" or value != value:
        return None
    try:
        if not isinstance(value, bool) and int(value) == float(value):
            return int(value)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"has an answer whose {name} is no whole number: {value!r}")


def _misplaced(context: str, text: str, start: int, end: int) -> str:
    """What is wrong with an answer that is not where it is said to be, and perhaps why."""
    what = (
        f"says that the answer {_short(text)} begins at character {start}, where "
        f"{_short(context[start:end])} stands"
    )
    units = context.encode("utf-16-le")
    if units[2 * start : 2 * (start + len(text.encode("utf-16-le")) // 2)] == text.encode(
        "utf-16-le"
    ):
        return f"{what}: the starts count UTF-16 units, not characters"
    if context.encode()[start : start + len(text.encode())] == text.encode():
        return f"{what}: the starts count bytes, not characters"
    found = [i for i in range(len(context)) if context.startswith(text, i)]
    if found:
        return f"{what}; it begins at {min(found, key=lambda one: abs(one - start))}"
    return what


def _alike(text: str, context: str) -> str:
    """What in the context is nearly the answer, to be read after it."""
    if text.strip() in context:
        return ", but without the white space at its ends"
    ours, theirs = (unicodedata.normalize("NFC", one) for one in (text, context))
    if ours in theirs:
        return ", but with letters and accents put together in another way (Unicode NFC and NFD)"
    return ", but with other capitals" if ours.casefold() in theirs.casefold() else ""


def _short(text: str, most: int = 40) -> str:
    return repr(text if len(text) <= most else f"{text[:most]}…")
