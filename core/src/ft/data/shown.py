"""What was read, for a person who wants to see it before training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ft.contract.schema import LINE, TASK, Schema, TaskData
from ft.data.lint.statistics import statistics
from ft.data.tags.tags import spans

if TYPE_CHECKING:
    from datasets import Dataset

_WIDTH = 100


def what_was_read(data: TaskData) -> list[dict[str, Any]]:
    """Each split as JSON values; of several tasks that a plugin composes, each task's part of it.

    Returns:
        ``split``, ``task`` (empty where there is one), ``rows``, ``files`` (see `TaskData`, with rows
        that were held out counted in both splits), ``example`` (the first one as the task reads it),
        ``labels`` (examples, words or spans by name, the commonest first), and ``times`` (the earliest
        and the latest of each column of times).
    """
    return [
        {
            "split": split,
            "task": task,
            "rows": len(rows),
            "files": [
                file
                for file in data.read
                if file["split"] == split and file.get("task", "") == task
            ],
            "example": _example(rows, schema),
            "labels": statistics(rows, schema).get("labels", {}).get("counts", {}),
            "times": _times(rows),
        }
        for split, whole in data.splits.items()
        for task, rows, schema in _by_task(whole, data.schema)
    ]


def _by_task(rows: Dataset, schema: Schema) -> Iterator[tuple[str, Dataset, Schema]]:
    """The rows of each task by their own names of columns, as `ft.compose` has put them together."""
    tasks = schema.extra.get("tasks") if TASK in rows.column_names else None
    if not tasks:
        yield "", rows, schema
        return
    of = np.asarray(rows[TASK][:])
    for name, told in tasks.items():
        columns = {k: v for k, v in told["columns"].items() if k in rows.column_names}
        own = rows.select(np.flatnonzero(of == name)).select_columns(list(columns))
        changed = {whole: column for whole, column in columns.items() if whole != column}
        if len(own):
            yield name, own.rename_columns(changed), Schema.from_json(told["schema"])


def _example(rows: Dataset, schema: Schema) -> str:
    """The first example in a line."""
    if not len(rows):
        return ""
    row = rows[0]
    parts = []
    if schema.words and schema.words.tokens in row:
        parts.append(_sentence(row, schema))
    known = [*schema.images, *(text.column for text in schema.texts)]
    known += [
        column for column in schema.gold if not (schema.words and column == schema.words.tags)
    ]
    if not parts and not known:
        known = [name for name in row if name != LINE]
    parts += [f"{name}: {_short(row[name], _WIDTH // 2)}" for name in known if name in row]
    return _cut("  ".join(parts), 2 * _WIDTH)


def _sentence(row: Mapping[str, Any], schema: Schema) -> str:
    """Words with their spans in brackets, ``[Ann PER] saw [New York LOC]``, or tags behind them."""
    assert schema.words
    words, tags = row[schema.words.tokens], row.get(schema.words.tags or "")
    if tags is None:
        return " ".join(words)
    if schema.words.scheme is None:
        return " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=False))
    begin = {start: (end, kind) for start, end, kind in spans(tags)}
    found, at = [], 0
    while at < len(words):
        end, kind = begin.get(at, (at + 1, ""))
        part = " ".join(words[at:end])
        found.append(f"[{part} {kind}]" if kind else part)
        at = end
    return " ".join(found)


def _short(value: Any, most: int) -> str:
    return _cut(repr(value) if isinstance(value, str) else str(value), most)


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _times(rows: Dataset) -> dict[str, list[str]]:
    """The first and the last time of each column of dates or times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {}
    for field in rows.data.schema if len(rows) else ():
        if pa.types.is_temporal(field.type):
            column = rows.select_columns([field.name]).with_format("arrow")[:].column(0)
            ends = pc.min_max(column).as_py()
            found[field.name] = [str(ends["min"]), str(ends["max"])]
    return found
