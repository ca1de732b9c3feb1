"""What a user asks to be predicted, as a raw example of the task's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, PluginError

if TYPE_CHECKING:
    from ft.contract.run import Run
    from ft.engine.run import LiveRun

OFFSETS = "offsets"
"""Column with the characters of each word, ``[start, end]``, where a text was split into words."""


def split_words(run: Run, text: str) -> tuple[list[str], list[list[int]]]:
    """Words of a text as the tokenizer sees them, with their characters."""
    backend = run.tokenizer.backend_tokenizer
    backend.no_truncation()  # which the file of a tokenizer may ask for
    encoding = backend.encode(text, add_special_tokens=False)
    spans: dict[int, list[int]] = {}
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
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


def as_example(run: Run, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """A raw example from a line of text or a mapping, by the schema alone.

    For words: ``tokens`` as they are, or a text (key ``text``, or the string itself) that is split
    into words with their offsets. For texts: the schema's columns, or the string as the first.

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
            raise _lacks(f"'{schema.words.tokens}' or 'text'", given)
        words, offsets = split_words(run, given["text"])
        return {"text": given["text"], schema.words.tokens: words, OFFSETS: offsets}
    columns = [text.column for text in schema.texts]
    if isinstance(request, str):
        if not columns:
            raise DataError("this task needs requests in JSON, one object a line")
        request = {columns[0]: request}
    missing = [column for column in columns if column not in request]
    if missing:
        raise _lacks(" and ".join(f"'{column}'" for column in missing), request)
    return request


def _lacks(wanted: str, request: Mapping[str, Any]) -> DataError:
    return DataError(
        f"a request needs {wanted}", hint=f"its keys are {', '.join(request) or 'none'}"
    )


def read(run: LiveRun, request: str | Mapping[str, Any], number: int) -> dict[str, Any]:
    """A raw example as the plugins read it from a request, without what is to be predicted.

    Args:
        run: of the model.
        request: a line of text or a mapping.
        number: of the request, counted from 0.

    Raises:
        DataError: the request lacks what the task needs; says which one it is.
        PluginError: `read_request` did not return a mapping.
    """
    assert run.data is not None
    try:
        example = run.hooks.call("read_request", run, request)
    except DataError as error:
        error.where = error.where or f"request {number + 1}"
        raise
    if not isinstance(example, Mapping):
        provider, techniques = run.hooks.parts("read_request")
        raise PluginError(
            f"read_request returned {type(example).__name__}, not a mapping of columns",
            who="plugin " + ", ".join(one.owner for one in [provider, *techniques]),
        )
    targets = run.data.schema.gold
    return {key: value for key, value in example.items() if key not in targets}
