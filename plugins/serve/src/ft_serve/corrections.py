"""What an answer should have been, kept as rows that `ft run` reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import ft
from ft_serve.models import Model
from ft_serve.refusal import Refusal

MOST_ROWS = 1000
"""Rows that one correction may give."""


class Corrections:
    """The files of corrected examples: ``MODEL.jsonl``, or ``MODEL/TASK.jsonl`` for each of several tasks.

    Args:
        folder: of the files; it is made when the first example comes.
        most: bytes of one file.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self._most = most
        self._lock = Lock()

    def keep(self, model: Model, rows: Sequence[Mapping[str, Any]], task: str = "") -> int:
        """Write rows behind those of the file of a model, or of one of its tasks, all of them or none.

        Each has the columns ``corrected_at`` (UTC), ``corrected_model`` and ``corrected_version`` too.

        Raises:
            Refusal: the file is full, or cannot be written.
        """
        also = {
            "corrected_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "corrected_model": model.hash,
            "corrected_version": model.version,
        }
        columns = model.columns.get(task, {})
        names = {ours: columns.get(ours, ours) for row in rows for ours in row}
        lines = [
            ft.to_json({**{names[key]: value for key, value in row.items()}, **also})
            for row in rows
        ]
        content = "".join(f"{line}\n" for line in lines).encode()
        path = self.folder / (f"{model.name}/{task}.jsonl" if task else f"{model.name}.jsonl")
        try:
            with self._lock:
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.exists() and path.stat().st_size + len(content) > self._most:
                    raise Refusal(507, "corrections_full", "no more corrections can be kept")
                with path.open("ab", buffering=0) as file:
                    file.write(content)
        except OSError as error:
            message = "the correction cannot be written; the server's disk may be full"
            raise Refusal(507, "corrections_full", message) from error
        return len(rows)


def rows_of(model: Model, body: Any) -> tuple[str, list[dict[str, Any]]]:
    """The training rows that a correction means, and the task that they are for.

    Args:
        model: the one that was wrong.
        body: ``{"input": item, "correct": {...}}`` with a label, or with the tags or the entities of
            words; or ``{"rows": [...]}``, rows of the task's training file as they are. Where the model
            answers several tasks ``"task"`` names one.

    Raises:
        Refusal: it is none of these.
    """
    if not isinstance(body, Mapping):
        raise _wrong("a correction is an object")
    task = body.get("task", "")
    if not isinstance(task, str) or task not in model.tasks:
        names = ft.listed([name for name in model.tasks if name], 20)
        raise _wrong(f'"task" is one of {names}' if names else 'the model has one task: no "task"')
    if "rows" in body:
        if "input" in body or "correct" in body:
            raise _wrong('"rows" stand alone: leave out "input" and "correct"')
        return task, _given(body["rows"])
    item, correct = body.get("input"), body.get("correct")
    if item is None or not isinstance(correct, Mapping):
        raise _wrong('a correction has "input" and an object "correct", or "rows"')
    schema = model.tasks[task]
    (answer,) = model.trained.answer([item])
    if answer.prediction is None:
        assert answer.error is not None
        raise Refusal(422, "invalid_item", answer.error.what)
    prediction = {**answer.prediction, **(answer.prediction[task] if task else {})}
    if schema.words and schema.words.tags:
        return task, [_tagged(schema.words, prediction, correct)]
    columns = [text.column for text in schema.texts]
    plain = columns and all(isinstance(prediction.get(one), str) for one in columns)
    if schema.label is None or not plain:
        raise _wrong('give the rows of the training file that are right: {"rows": [...]}')
    kept = [*columns, *schema.numbers, *schema.categories]
    row = {name: prediction[name] for name in kept if name in prediction}
    column = schema.label.column
    return task, [{**row, column: _label(schema.label, correct.get(column, correct.get("label")))}]


def _given(rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        raise _wrong(f'"rows" is a list of 1 to {MOST_ROWS} objects')
    if not all(isinstance(row, Mapping) and row for row in rows):
        raise _wrong('each of the "rows" is an object with the columns of the training file')
    return [dict(row) for row in rows]


def _label(label: ft.Label, value: Any) -> Any:
    """A label as the training file has it."""
    if label.kind == "number":
        number = not isinstance(value, bool) and isinstance(value, int | float)
        if not number or not math.isfinite(value):
            raise _wrong(f"'{label.column}' is a number")
        return value
    wanted = value if label.kind == "multi" else [value]
    if not isinstance(wanted, list) or not all(one in label.names for one in wanted):
        what = "a list of some of" if label.kind == "multi" else "one of"
        raise _wrong(f"'{label.column}' is {what} {ft.listed(list(label.names), 20)}")
    return value


def _tagged(
    words: ft.Words, prediction: Mapping[str, Any], correct: Mapping[str, Any]
) -> dict[str, Any]:
    """The words with the tags that are right: given as such, or as entities of characters or words."""
    assert words.tags is not None
    tokens = list(prediction[words.tokens])
    if "entities" not in correct:
        tags = correct.get("tags")
        if not isinstance(tags, list) or len(tags) != len(tokens):
            raise _wrong(f'"tags" is a list of {len(tokens)} tags, one a word; or give "entities"')
        unknown = [tag for tag in tags if tag not in words.labels]
        if unknown:
            raise _wrong(f"each tag is one of {ft.listed(list(words.labels), 20)}")
        return {words.tokens: tokens, words.tags: tags}
    kinds = sorted({kind for _, kind in map(ft.tags.split_tag, words.labels) if kind})
    entities = correct["entities"]
    if not isinstance(entities, list) or not kinds:
        raise _wrong(
            '"entities" is a list' if kinds else 'the model knows no entities: give "tags"'
        )
    spans = [_span(one, prediction, len(tokens), kinds) for one in entities]
    try:
        right = ft.tags.tags_from_spans(len(tokens), sorted(spans))
    except ft.DataError as error:
        raise _wrong(f"the entities do not fit together: {error.what}") from error
    return {words.tokens: tokens, words.tags: right}


def _span(
    one: Any, prediction: Mapping[str, Any], length: int, kinds: Sequence[str]
) -> tuple[int, int, str]:
    """The words of an entity, the end exclusive, and its type."""
    if not isinstance(one, Mapping) or one.get("type") not in kinds:
        raise _wrong(f"each entity has a type of {ft.listed(list(kinds), 20)}")
    kind = str(one["type"])
    offsets = prediction.get("offsets")
    numbers = [one.get(name) for name in ("start", "end")]
    if offsets and all(type(number) is int for number in numbers):
        start, end = numbers
        inside = [k for k, (begin, stop) in enumerate(offsets) if begin < end and stop > start]
        if not inside:
            raise _wrong(f"no word stands at the characters {start} to {end}")
        return inside[0], inside[-1] + 1, kind
    first, last = one.get("first"), one.get("last")
    if type(first) is int and type(last) is int and 0 <= first <= last < length:
        return first, last + 1, kind
    raise _wrong("each entity has start and end, its characters, or first and last, its words")


def _wrong(what: str) -> Refusal:
    return Refusal(422, "invalid_correction", what)
