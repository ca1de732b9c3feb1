"""The data of several tasks as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ft.builtin.part import Part
from ft.contract.schema import FILE, LINE, TASK, Schema, TaskData, Text

if TYPE_CHECKING:
    from datasets import Dataset


def merged(parts: Mapping[str, Part]) -> TaskData:
    """The rows of all tasks, those of the first before those of the second, each with its task's name.

    Args:
        parts: the tasks by name, with their data; each is told its names for the columns.
    """
    from datasets import DatasetDict, concatenate_datasets

    datas = {name: part.data for name, part in parts.items() if part.data is not None}
    # A split may have columns that the first has not, such as lists of candidates to be ordered.
    first = {
        name: {
            column: kind
            for rows in reversed(data.splits.values())
            for column, kind in rows.features.items()
        }
        for name, data in datas.items()
    }
    gold = {column for data in datas.values() for column in data.schema.gold}
    shared = {
        column
        for column, kind in next(iter(first.values())).items()
        if column not in gold and all(other.get(column) == kind for other in first.values())
    }
    for name, part in parts.items():
        columns = [column for column in first[name] if column not in (LINE, FILE, TASK)]
        part.columns = {
            column if column in shared else f"{name}.{column}": column for column in columns
        }
    splits: dict[str, list[Dataset]] = {}
    files: dict[str, list[Path]] = {}
    notes: list[str] = []
    for name, data in datas.items():
        whole = {column: merged for merged, column in parts[name].columns.items()}
        for split, rows in data.splits.items():
            kept = [column for column in rows.column_names if column in (*whole, LINE)]
            before = files.setdefault(split, [])
            own = (
                [len(before) + (file or 0) for file in rows[FILE]]
                if FILE in rows.column_names
                else []
            )
            rows = rows.select_columns(kept).rename_columns(
                {column: whole[column] for column in kept if whole.get(column, column) != column}
            )
            rows = rows.add_column(TASK, [name] * len(rows))
            rows = rows.add_column(FILE, own or [len(before)] * len(rows))
            before += data.files.get(split, [])
            splits.setdefault(split, []).append(rows)
        notes += [f"{name}: {note}" for note in data.notes]
    schemas = {name: data.schema for name, data in datas.items()}
    texts: list[Text] = [
        text
        for text in next(iter(schemas.values())).texts
        if text.column in shared and all(text in one.texts for one in schemas.values())
    ]
    schema = Schema(
        texts=texts,
        targets=[
            replace(
                target, column=f"{name}.{target.column}", weight=target.weight * parts[name].weight
            )
            for name, one in schemas.items()
            for target in one.targets
        ],
        extra={
            "tasks": {
                name: {"schema": one.to_json(), "columns": parts[name].columns}
                for name, one in schemas.items()
            }
        },
    )
    joined = {split: concatenate_datasets(rows) for split, rows in splits.items()}
    for split, rows in joined.items():
        # A task that lacks the split has no rows there, but all its columns.
        every = {
            whole: first[name][column]
            for name, part in parts.items()
            for whole, column in part.columns.items()
            if split not in datas[name].splits
        }
        for column in every.keys() - set(rows.column_names):
            nothing = [None] * len(rows)
            joined[split] = joined[split].add_column(column, nothing, feature=every[column])
    read = [{**file, "task": name} for name, data in datas.items() for file in data.read]
    return TaskData(DatasetDict(joined), schema, files, notes, read)
