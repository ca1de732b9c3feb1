"""Examples of the cross-encoder: a history and one candidate, as texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

from ft import FILE, LINE
from ft_recommend.catalogue import Catalogue
from ft_recommend.first_stage import Shortlist
from ft_recommend.settings import RecommendConfig

CHUNK = 1000
LIKED = "liked"
SHORTLIST = "shortlist"
HISTORY_TEXT = "history_text"
HARD = 0.5
"""Share of the negatives that the first stage names; the others are drawn from the catalogue."""


def history_text(rows: Sequence[int] | np.ndarray, texts: Sequence[str], most: int) -> str:
    """The texts of the latest items, the last one first, so that what is cut off is the oldest."""
    return "; ".join(texts[row] for row in list(rows)[::-1][:most])


def write_pairs(
    examples: Dataset,
    split: str,
    catalogue: Catalogue,
    stage: Shortlist,
    config: RecommendConfig,
    draw: np.random.Generator,
    path: Path,
) -> Dataset:
    """Write the pairs of a split and open them memory-mapped.

    Of a training example as many as ``pair_negatives`` says beside the liked one: half of the
    negatives from the first stage's list, the others from the whole catalogue. Of any other
    example one row, whose column ``shortlist`` names the candidates.

    Args:
        examples: see `write_split`.
        split: which split.
        catalogue: the items.
        stage: names candidates.
        config: the settings.
        draw: chooses negatives.
        path: the Arrow file to write.
    """
    writer = None
    with pa.OSFile(str(path), "wb") as sink:
        for begin in range(0, max(1, len(examples)), CHUNK):
            columns = _with_history(examples[begin : begin + CHUNK])
            histories = [np.asarray(history, np.int64) for history in columns["history"]]
            taken = columns["item"]
            if split == "train":
                known = [np.append(rows, item) for rows, item in zip(histories, taken, strict=True)]
                lists = _negatives(histories, known, len(catalogue), stage, config, draw)
                chosen = [np.append(item, rows) for item, rows in zip(taken, lists, strict=True)]
            else:
                seen = [np.asarray(rows, np.int64) for rows in columns["seen"]]
                lists = stage(histories, seen)
                chosen = [np.array([item]) for item in taken]
            table = _table(columns, histories, chosen, lists, split, catalogue, config)
            writer = writer or pa.ipc.new_stream(sink, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return Dataset.from_file(str(path))


def _negatives(
    histories: list[np.ndarray],
    known: list[np.ndarray],
    items: int,
    stage: Shortlist,
    config: RecommendConfig,
    draw: np.random.Generator,
) -> list[np.ndarray]:
    """Items that each user has not had, (pair_negatives,) rows each."""
    hard = round(HARD * config.pair_negatives)
    lists = stage(histories, known) if hard else [np.zeros(0, np.int64)] * len(known)
    found = []
    for near, had in zip(lists, known, strict=True):
        near = near[~np.isin(near, had)]
        picked = draw.permutation(near)[:hard]
        allowed = np.ones(items, bool)
        allowed[had] = False
        allowed[picked] = False
        rest = np.flatnonzero(allowed)
        far = draw.permutation(rest)[: config.pair_negatives - len(picked)]
        found.append(np.concatenate([picked, far]).astype(np.int64))
    return found


def _table(
    columns: dict[str, list[Any]],
    histories: list[np.ndarray],
    chosen: list[np.ndarray],
    lists: list[np.ndarray],
    split: str,
    catalogue: Catalogue,
    config: RecommendConfig,
) -> pa.Table:
    sizes = [len(rows) for rows in chosen]
    source = np.repeat(np.arange(len(chosen)), sizes)
    items = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    read = [history_text(rows, catalogue.texts, config.pair_history) for rows in histories]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if sizes else np.zeros(0)
    liked = np.zeros(len(items))
    liked[first.astype(int)] = 1.0
    made: dict[str, pa.Array] = {
        "user": pa.array([columns["user"][k] for k in source], pa.string()),
        "history": _rows([histories[k] for k in source]),
        HISTORY_TEXT: pa.array([read[k] for k in source], pa.string()),
        "candidate": pa.array([catalogue.texts[row] for row in items], pa.string()),
        "item": pa.array(items.astype(np.int32)),
        LIKED: pa.array(liked),
    }
    for name in ("rating", "time", "last", LINE, FILE):
        if name in columns:
            made[name] = pa.array([columns[name][k] for k in source])
    if split != "train":
        made["seen"] = pa.array(columns["seen"], pa.list_(pa.int32()))
        made[SHORTLIST] = _rows(lists)
    return pa.table(made)


def _rows(lists: Sequence[np.ndarray]) -> pa.Array:
    return pa.array([rows.tolist() for rows in lists], pa.list_(pa.int32()))


def _with_history(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The examples whose user had something before: there is nothing to read of the others."""
    kept = [k for k, history in enumerate(columns["history"]) if history]
    return {name: [values[k] for k in kept] for name, values in columns.items()}
