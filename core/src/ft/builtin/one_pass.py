"""Requests that several tasks read alike: one feature for all of them, one pass of the encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from ft.builtin.part import Part
from ft.engine.batch.by_word import by_word

MARK = "keep_"
"""Before the name of a task: the column that marks its features. One that tasks share has several."""

PER_WORD = ("word_ids", "word_count")
"""Columns that make the outputs come back one row a word."""


def join(
    made: Sequence[tuple[int, dict[str, Any]]], marks: Sequence[str]
) -> list[tuple[int, dict[str, Any]]]:
    """The features of requests; those of a request that say the same for all tasks as one.

    Where only some of the tasks read words, the columns that say so go under the names of these tasks:
    the outputs of the others are none of words.

    Args:
        made: row and feature, by row; the features of a row in the order of the tasks.
        marks: the columns that say which task a feature is of, in that order.
    """
    joined: list[tuple[int, dict[str, Any]]] = []
    for row, pairs in groupby(made, key=lambda pair: pair[0]):
        features = [feature for _, feature in pairs]
        whole = {name: value for one in features for name, value in one.items()}
        one_each = len(features) == len(marks) == sum(mark in whole for mark in marks)
        inputs = [one.get("input_ids") for one in features]
        same = one_each and None not in inputs and all(one == inputs[0] for one in inputs)
        if not same or any(whole[k] != value for one in features for k, value in one.items()):
            joined += [(row, one) for one in features]
            continue
        if not all(PER_WORD[0] in one for one in features):
            for mark, one in zip(marks, features, strict=True):
                whole |= {f"{mark} {name}": one[name] for name in PER_WORD if name in one}
            whole = {name: value for name, value in whole.items() if name not in PER_WORD}
        joined.append((row, whole))
    return joined


def own_outputs(output: Mapping[str, Any], part: Part) -> dict[str, Any]:
    """A task's own part of what the model answered for several.

    Args:
        output: of one request, as `decode` is given it.
        part: the task.
    """
    begin, hidden = f"{part.name}.", f"{MARK}{part.name} "
    own = {key.removeprefix(begin): one for key, one in output.items() if key.startswith(begin)}
    features = [
        {**one, **{name: one[hidden + name] for name in PER_WORD if hidden + name in one}}
        for one in output["features"]
    ]
    if PER_WORD[0] in features[0] and PER_WORD[0] not in output["features"][0]:
        words = part.data.schema.words if part.data else None
        labels = words.labels if words else ()
        own = {key: by_word(features, list(arrays), labels) for key, arrays in own.items()}
    return {"features": features, **own}
