"""Texts of the training data in files that are to be published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ft import Schema, TaskData

BEGINNING = 30
"""Characters of a text that are looked for: more than a name or a usual phrase has."""

SHORT = 16
"""Characters from which on a shorter text is looked for as a whole string or line."""

BINARY = (".safetensors", ".onnx", ".data", ".weights")
"""Files that hold numbers alone."""


def texts_of(data: TaskData) -> Iterator[str]:
    """The texts of all splits, words of a sentence joined by blanks."""
    schema: Schema = data.schema
    for rows in data.splits.values():
        for text in schema.texts:
            yield from (str(one) for one in rows[text.column] if one)
        if schema.words:
            yield from (" ".join(map(str, words)) for words in rows[schema.words.tokens])
            if "text" in rows.column_names:  # as it was before it was cut into words
                yield from (str(one) for one in rows["text"] if one)


def found_in(files: Iterable[Path], texts: Iterable[str]) -> Mapping[Path, str]:
    """Files that hold a text, or the beginning of one, with the first that each holds."""
    begins: set[str] = set()
    short: set[str] = set()
    for text in map(str.strip, texts):
        if len(text) >= BEGINNING:
            begins.add(text[:BEGINNING])
        elif len(text) >= SHORT:
            short.add(text)
    found: dict[Path, str] = {}
    for path in files:
        for part in map(str.strip, _strings(path)):
            parts = (part[i : i + BEGINNING] for i in _starts(part))
            hit = part if part in short else next((one for one in parts if one in begins), None)
            if hit is not None:
                found[path] = hit
                break
    return found


def _starts(part: str) -> Iterator[int]:
    """Where a text may begin in a string: at its beginning and behind every blank or quote."""
    yield 0
    yield from (i + 1 for i, one in enumerate(part) if one in " \"'`|(")


def _strings(path: Path) -> Iterator[str]:
    if path.name.endswith(BINARY):
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        try:
            yield from _values(json.loads(text))
            return
        except ValueError:
            pass
    yield from text.splitlines()


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from _values(one)
    elif isinstance(value, list):
        if value and all(isinstance(one, str) for one in value):
            yield " ".join(value)
        for one in value:
            yield from _values(one)
