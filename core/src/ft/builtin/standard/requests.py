"""What a user asks to be predicted, as a raw example of the task's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.contract.schema import Schema, Words
from ft.data.read_words import word_list
from ft.data.tags.cutting import find_words, is_blank, split_words

if TYPE_CHECKING:
    from ft.contract.run import Run

EXAMPLE = "Anna moved from Ulm to New York, and she likes it there."
"""A text that any model of texts answers."""

OFFSETS = "offsets"
"""Column with the characters of each word, ``[start, end]``, where a text was split into words."""


def as_example(run: Run, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """A raw example from a line of text or a mapping, by the schema alone.

    For words: ``tokens`` as they are, or a text (key ``text``, or the string itself) that is split
    into words with their offsets. For texts: the schema's columns, or the string as the first.
    Without one visible character there is nothing to predict from, as there is nothing to train on;
    words have their answer then, which is none.

    Raises:
        DataError: the request lacks what the schema needs.
    """
    assert run.data is not None
    schema = run.data.schema
    if schema.words:
        given: Mapping[str, Any] = {"text": request} if isinstance(request, str) else request
        return {**given, **_words(given, schema.words)}
    columns = [text.column for text in schema.texts]
    if isinstance(request, str):
        if not columns:
            raise DataError("this task needs requests in JSON, one object a line")
        request = {columns[0]: request}
    missing = [column for column in columns if column not in request]
    if missing:
        raise _lacks(" and ".join(f"'{column}'" for column in missing), request)
    for column in columns:
        if not isinstance(request[column], str):
            raise _no_text(column, request[column])
    if columns and all(is_blank(request[column]) for column in columns):
        raise DataError(
            f"has nothing in {' and '.join(columns)}",
            hint="leave it out, or have all others answered with --on-bad-row skip",
        )
    return request


def request_schema(schema: Schema) -> dict[str, Any]:
    """The JSON schema of what `as_example` takes."""
    text = {"type": "string"}
    if schema.words:
        described = "words that are cut already; as a text: a list in JSON, or with blanks between"
        tokens = {"type": ["array", "string"], "items": text, "description": described}
        values: dict[str, Any] = {"text": text, schema.words.tokens: tokens}
        needs: dict[str, Any] = {"anyOf": [{"required": [name]} for name in values]}
        example = {"text": EXAMPLE}
    else:
        names = [text.column for text in schema.texts]
        values, needs = dict.fromkeys(names, text), {"required": names}
        example = dict.fromkeys(names, EXAMPLE)
    values |= {name: {"type": ["number", "null"]} for name in schema.numbers}
    values |= {name: {"format": "path"} for name in schema.images}
    request: dict[str, Any] = {"type": "object", "properties": values, **needs}
    if schema.words or len(schema.texts) == 1:
        request = {"anyOf": [text, request]}
    return request if schema.images else {**request, "examples": [example]}


def _words(given: Mapping[str, Any], roles: Words) -> dict[str, Any]:
    text, tokens = given.get("text"), given.get(roles.tokens)
    if tokens is None:
        if "text" in given and not isinstance(text, str):
            raise _no_text("text", text)
        if not isinstance(text, str):
            raise _lacks(f"'{roles.tokens}' or 'text'", given)
        spans = split_words(text, roles.splitter)
        words = [text[start:end] for start, end in spans]
        return {roles.tokens: words, OFFSETS: [list(span) for span in spans]}
    words = word_list(tokens, roles.tokens)
    found = find_words(text, words) if isinstance(text, str) else None
    offsets = {} if found is None else {OFFSETS: [list(span) for span in found]}
    return {roles.tokens: words, **offsets}


def _no_text(column: str, value: Any) -> DataError:
    kind = "missing" if value is None else f"of type {type(value).__name__}"
    return DataError(f"'{column}' is {kind}, not a text")


def _lacks(wanted: str, request: Mapping[str, Any]) -> DataError:
    return DataError(
        f"a request needs {wanted}", hint=f"its keys are {', '.join(request) or 'none'}"
    )
