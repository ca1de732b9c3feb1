"""What a user asks to be predicted, as a raw example of the task's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ft.errors import DataError

if TYPE_CHECKING:
    from ft.engine.run import Run

OFFSETS = "offsets"
"""Column with the characters of each word, ``[start, end]``, where a text was split into words."""


def split_words(run: Run, text: str) -> tuple[list[str], list[list[int]]]:
    """Words of a text as the tokenizer sees them, with their characters."""
    encoding = run.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans: dict[int, list[int]] = {}
    for word, (start, end) in zip(encoding.word_ids(), encoding["offset_mapping"], strict=True):
        if word is not None and end > start:
            span = spans.setdefault(word, [start, end])
            span[1] = max(span[1], end)
    offsets = [_strip(text, *spans[word]) for word in sorted(spans)]
    offsets = [span for span in offsets if span[1] > span[0]]
    return [text[start:end] for start, end in offsets], offsets


def _strip(text: str, start: int, end: int) -> list[int]:
    """Offsets without the blanks that byte-level tokenizers count to a word."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return [start, end]


def as_row(run: Run, request: str | Mapping[str, Any], number: int) -> dict[str, Any]:
    """A raw example from a line of text or a mapping.

    For words: ``tokens`` as they are, or a text (key ``text``, or the string itself) that is split
    into words with their offsets. For texts: the schema's columns, or the string as the first.
    Target columns are dropped.

    Raises:
        DataError: the request lacks what the schema needs.
    """
    assert run.data is not None
    schema = run.data.schema
    if schema.words:
        given: Mapping[str, Any] = {"text": request} if isinstance(request, str) else request
        if schema.words.tokens in given:
            return {schema.words.tokens: list(given[schema.words.tokens])}
        if not isinstance(given.get("text"), str):
            raise DataError(
                f"a request needs '{schema.words.tokens}' or 'text'",
                where=f"request {number + 1}",
                hint=f"its keys are {', '.join(given) or 'none'}",
            )
        words, offsets = split_words(run, given["text"])
        return {"text": given["text"], schema.words.tokens: words, OFFSETS: offsets}
    if isinstance(request, str):
        if not schema.texts:
            raise DataError(
                "this task needs requests in JSON, one object a line", where=f"request {number + 1}"
            )
        request = {schema.texts[0].column: request}
    row = {key: value for key, value in request.items() if key not in schema.targets()}
    missing = [text.column for text in schema.texts if text.column not in row]
    if missing and schema.group is None:
        raise DataError(
            f"a request needs {', '.join(missing)}",
            where=f"request {number + 1}",
            hint=f"its keys are {', '.join(request) or 'none'}",
        )
    return row
