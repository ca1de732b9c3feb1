"""JSON documents that are one whole: pandas' layouts, SQuAD, lists by column or in an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = ("tokens", "words")


def unpack(value: Mapping[str, Any], one_a_line: bool) -> tuple[list[Any], str] | None:
    """The rows that one object stands for, and the name of its layout; ``None``: it is a row.

    Args:
        value: the only object of a file.
        one_a_line: whether the file's ending says that a row is an object a line.

    Raises:
        ValueError: there are several lists of rows, or rows of different lengths.
    """
    names, rows = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(rows, list) and _lists(rows):
        if any(len(row) != len(names) for row in rows):
            raise ValueError("the rows of 'data' are not as long as 'columns'")
        return [dict(zip(names, row, strict=True)) for row in rows], "JSON of pandas (split)"
    if isinstance(value.get("schema"), dict) and isinstance(rows, list) and _objects(rows):
        return rows, "JSON of pandas (table)"
    if isinstance(rows, list) and rows and all(map(_is_article, rows)):
        return [question for article in rows for question in _questions(article)], "SQuAD"
    inside = {name: part for name, part in value.items() if isinstance(part, list) and part}
    listed = {name: part for name, part in inside.items() if _objects(part) or _pairs(part)}
    if listed and not any(isinstance(value.get(name), str) for name in ("text", "sentence")):
        if len(listed) > 1:
            raise ValueError(f"holds several lists of rows: {', '.join(map(repr, listed))}")
        (name,) = listed
        return [row for row in listed[name] if row is not None], f"JSON, the list {name!r}"
    parts = list(value.values())
    if len(parts) > 1 and not one_a_line and _lists(parts) and not _is_words(value):
        if len(set(map(len, parts))) > 1:
            lengths = ", ".join(f"{name!r} has {len(part):,}" for name, part in value.items())
            raise ValueError(f"the lists by column differ in length: {lengths}")
        return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)], (
            "JSON, a list a column"
        )
    if len(parts) > 1 and _objects(parts) and (len(parts[0]) > 1 or len(parts) > 2):
        if all(key.isdecimal() for part in parts for key in part):
            places = sorted({key for part in parts for key in part}, key=int)
            rows = [{name: value[name].get(place) for name in value} for place in places]
            return rows, "JSON of pandas (columns)"
        return parts, "JSON of pandas (index)"
    return None


def _is_article(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("paragraphs"), list)


def _questions(article: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The questions of an article of SQuAD, each a row with its context (Rajpurkar et al. 2016)."""
    try:
        return [
            {
                "id": asked.get("id"),
                "title": article.get("title"),
                "context": paragraph["context"],
                "question": asked["question"],
                "answers": asked.get("answers", []),
            }
            for paragraph in article["paragraphs"]
            for asked in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is no file of SQuAD: a paragraph lacks {error}") from error


def _objects(parts: list[Any]) -> bool:
    return all(isinstance(part, dict) for part in parts)


def _lists(parts: list[Any]) -> bool:
    return all(isinstance(part, list) for part in parts)


def _pairs(parts: list[Any]) -> bool:
    """A list of ``[text, {"entities": [...]}]``, with null for texts that nobody annotated."""
    found = [part for part in parts if part is not None]
    return bool(found) and all(is_pair(part) for part in found)


def is_pair(value: Any) -> bool:
    """Whether a value is ``[text, {"entities": [...]}]``, as spaCy 2 was trained with."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], dict)
    )


def _is_words(value: Mapping[str, Any]) -> bool:
    """Whether lists are one sentence and not a column."""
    return any(
        name in _WORDS and all(isinstance(part, str) for part in value[name]) for name in value
    )
