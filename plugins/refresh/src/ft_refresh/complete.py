"""New data that is labelled for the new classes alone, with the old ones as the older model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datasets import Dataset, DatasetDict

import ft
from ft import PluginError, TaskData, Trained

TRAIN = "train"


def by(old: Trained, data: TaskData, folder: Path) -> TaskData:
    """The data, its training examples completed by an older model.

    A span of the older model is taken over where the new data marks nothing on its words; of several
    labels, those that the older model gives are added.

    Raises:
        PluginError: the labels are of a kind where none can be missing.
    """
    schema = data.schema
    rows = data.splits[TRAIN]
    if schema.words and schema.words.tags and schema.words.scheme:
        column = schema.words.tags
        found = [item["tags"] for item in old.predictions(rows).items]
        values = [both(mine, theirs) for mine, theirs in zip(rows[column], found, strict=True)]
    elif schema.label and schema.label.kind == "multi":
        column = schema.label.column
        answers = [ft.predicted(schema.label, item) for item in old.predictions(rows).items]
        values = [
            list(dict.fromkeys((*mine, *theirs)))
            for mine, theirs in zip(rows[column], answers, strict=True)
        ]
    else:
        raise PluginError(
            "from_run.complete is for spans and for several labels: one label of an example is not "
            "missing",
            where=str(folder),
            hint="leave out from_run.complete",
        )
    changed = sum(one != other for one, other in zip(rows[column], values, strict=True))
    features = rows.features
    whole: Dataset = rows.remove_columns([column]).add_column(
        column, values, feature=features[column]
    )
    note = f"{changed:,} of {len(rows):,} training examples got labels of the older model too"
    return replace(
        data,
        splits=DatasetDict({**data.splits, TRAIN: whole}),
        notes=[*data.notes, note],
    )


def both(mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Tags, and those of the spans of another that touch none of their own."""
    spans = ft.tags.spans(mine)
    taken = [False] * len(mine)
    for start, end, _ in spans:
        taken[start:end] = [True] * (end - start)
    spans += [
        (start, end, kind)
        for start, end, kind in ft.tags.spans(theirs)
        if end <= len(mine) and not any(taken[start:end])
    ]
    return ft.tags.tags_from_spans(len(mine), sorted(spans))
