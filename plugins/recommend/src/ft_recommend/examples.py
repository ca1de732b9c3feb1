"""From interactions to splits of examples, on disk so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset

from ft import FILE, LINE
from ft_recommend.interactions import SPLITS, Interactions

CHUNK = 50_000
"""Examples that are made at a time."""

Extra = Callable[[np.ndarray, list[np.ndarray]], dict[str, pa.Array]]
"""Makes more columns from the items, (rows,), and histories of some examples."""


def targets(data: Interactions, split: str) -> np.ndarray:
    """The interactions that a split's examples ask for; outside training only with a history."""
    chosen = np.flatnonzero((data.use == SPLITS[split]) & data.liked)
    if split == "train":
        return chosen
    return chosen[before(data, split, chosen, 1)[1] > 0]


def before(
    data: Interactions, split: str, rows: np.ndarray, most: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """For interactions of a split, what the user had liked before.

    Only what is earlier counts, and nothing that is held out for a later split or withheld.

    Args:
        data: the interactions.
        split: which split they are of.
        rows: (n,) which of them.
        most: how many at most, the latest; ``None``: all.

    Returns:
        ``begin`` and ``count``, (n,) each: the history is a run of `history_rows`.
    """
    usable = _usable(data, split)
    passed = np.concatenate([[0], np.cumsum(usable)])
    first = passed[data.starts[data.user[rows]]]
    end = passed[rows]
    count = end - first
    if most is not None:
        count = np.minimum(count, most)
    return end - count, count


def history_rows(data: Interactions, split: str) -> np.ndarray:
    """The interactions that the histories of a split are runs of."""
    return np.flatnonzero(_usable(data, split))


def _usable(data: Interactions, split: str) -> np.ndarray:
    return data.liked & (data.use <= SPLITS[split])


def write_split(
    data: Interactions,
    split: str,
    texts: list[str],
    path: Path,
    most: int | None,
    extra: Extra | None = None,
) -> Dataset:
    """Write the examples of a split and open them memory-mapped.

    Columns: ``user``; ``item``, the catalogue's row; ``candidate``, its text; ``history``, rows of
    the items liked before, the latest last; ``rating``, ``time`` and ``last`` (seconds since 1970
    of this and of the interaction before) where the data has them; outside training also ``seen``,
    rows of everything that the user had before; ``line`` and ``file``.

    Args:
        data: the interactions.
        split: which split.
        texts: of the catalogue.
        path: the Arrow file to write.
        most: items of a training history.
        extra: makes more columns.
    """
    rows = targets(data, split)
    writer = None
    with pa.OSFile(str(path), "wb") as sink:
        for chunk in _chunks(rows):
            table = _table(data, split, chunk, texts, most, extra)
            writer = writer or pa.ipc.new_stream(sink, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return Dataset.from_file(str(path))


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, max(len(rows), 1), CHUNK):
        yield rows[begin : begin + CHUNK]


def _table(
    data: Interactions,
    split: str,
    rows: np.ndarray,
    texts: list[str],
    most: int | None,
    extra: Extra | None,
) -> pa.Table:
    runs = history_rows(data, split)
    begin, count = before(data, split, rows, most if split == "train" else None)
    items = data.item[rows]
    columns: dict[str, pa.Array] = {
        "user": pa.array([data.names[user] for user in data.user[rows]], pa.string()),
        "item": pa.array(items),
        "candidate": pa.array([texts[item] for item in items], pa.string()),
        "history": _lists(data.item[runs], begin, count),
    }
    if data.rating is not None:
        columns["rating"] = pa.array(data.rating[rows])
    if data.time is not None:
        columns["time"] = pa.array(data.time[rows])
        columns["last"] = pa.array(last_times(data, rows))
    if split != "train":
        starts = data.starts[data.user[rows]]
        columns["seen"] = _lists(data.item, starts, rows - starts)
    if extra is not None:
        histories = [data.item[runs[b : b + c]] for b, c in zip(begin, count, strict=True)]
        columns |= extra(items, histories)
    columns[LINE] = pa.array(data.line[rows])
    columns[FILE] = pa.array(data.file[rows].astype(np.int64))
    return pa.table(columns)


def last_times(data: Interactions, rows: np.ndarray) -> np.ndarray:
    """When the user's interaction before each row was, (rows,) seconds; NaN at the first."""
    assert data.time is not None
    earlier = np.maximum(rows - 1, 0)
    same = (rows > 0) & (data.user[earlier] == data.user[rows])
    return np.where(same, data.time[earlier], np.nan)


def _lists(values: np.ndarray, begin: np.ndarray, count: np.ndarray) -> pa.Array:
    """Runs of an array as lists."""
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], count)
    flat = values[np.repeat(begin, count) + inside] if len(count) else values[:0]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
