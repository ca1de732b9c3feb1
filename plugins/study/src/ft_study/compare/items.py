"""What two runs answer to the same examples: scores of each class, and answers that flipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import ft
from ft import Draws, Predictions, Schema, Target, bootstrap_sums
from ft_study.gains import Gain, gain


@dataclass(frozen=True)
class OneClass:
    """A class, or a type of spans, in the answers of two runs.

    Attributes:
        name: of the class; with its target before it where there are several.
        gold: how often it is right.
        old: F1 of the first run.
        new: F1 of the other.
        difference: of the other run to the first.
    """

    name: str
    gold: int
    old: float
    new: float
    difference: Gain


@dataclass(frozen=True)
class Flip:
    """An example that one of two runs answers rightly, and the other wrongly.

    Attributes:
        row: its position.
        lost: whether the first run was right.
        gold: the right answer of each target.
        old: what the first run answers.
        new: what the other answers.
    """

    row: int
    lost: bool
    gold: Mapping[str, Any]
    old: Mapping[str, Any]
    new: Mapping[str, Any]


def by_class(old: Predictions, new: Predictions, schema: Schema) -> list[OneClass]:
    """The F1 of every class that some example has, of every target that has classes.

    Args:
        old: of the first run.
        new: of the other, for the same examples.
        schema: what the examples hold.
    """
    several = len(schema.targets) > 1
    found: list[OneClass] = []
    for target in schema.targets:
        parts = [_parts(target, schema, one) for one in (old, new)]
        if parts[0] is None or parts[1] is None:
            continue
        names = sorted({name for gold, _ in parts[0] for name, _ in gold})
        if not names:
            continue
        counts = [_counts(one, names) for one in parts if one is not None]
        scores = [_f1(one.sum(0)[None])[0] for one in counts]
        drawn = [bootstrap_sums(one.reshape(len(one), -1), _f1) for one in counts]
        for k, name in enumerate(names):
            pair: tuple[Draws, Draws] = (drawn[1][k].draws, drawn[0][k].draws)
            before, after = float(scores[0][k]), float(scores[1][k])
            found.append(
                OneClass(
                    f"{target.column}: {name}" if several else name,
                    int(counts[0][:, k, 2].sum()),
                    before,
                    after,
                    gain([after], [before], [pair]),
                )
            )
    return found


Part = tuple[set[tuple[str, Any]], set[tuple[str, Any]]]
"""The classes of one example, each with its place: those that are right, and those predicted."""


def _parts(target: Target, schema: Schema, predictions: Predictions) -> list[Part] | None:
    """What is right and what is predicted in each example; ``None`` where there are no classes."""
    if target.kind in ("number", "text", "order") or not target.names:
        return None
    spans = target.kind == "tags" and schema.words is not None and schema.words.scheme is not None
    gold = predictions.examples[target.column]
    return [
        (
            set() if truth is None else _labels(target, truth, spans),
            set() if truth is None else _labels(target, ft.predicted(target, item), spans),
        )
        for truth, item in zip(gold, predictions.items, strict=True)
    ]


def _labels(target: Target, value: Any, spans: bool) -> set[tuple[str, Any]]:
    """The classes that a value names, each with its place in the example."""
    if value is None:
        return set()
    if target.kind == "tags":
        if spans:
            return {(kind, (start, end)) for start, end, kind in ft.tags.spans(value)}
        return {(str(tag), k) for k, tag in enumerate(value)}
    if target.kind in ("spans", "relations"):
        ends = ("start", "end") if target.kind == "spans" else ("head", "tail")
        return {(str(one.get("label")), tuple(one.get(end) for end in ends)) for one in value}
    return {(str(one), 0) for one in (value if isinstance(value, list) else [value])}


def _counts(parts: Sequence[Part], names: Sequence[str]) -> np.ndarray:
    """Right, predicted and gold ones of each example and class, (examples, classes, 3)."""
    at = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(parts), len(names), 3))
    for row, (gold, found) in enumerate(parts):
        for column, labels in enumerate((gold & found, found, gold)):
            for name, _ in labels:
                if name in at:
                    counts[row, at[name], column] += 1
    return counts


def _f1(sums: np.ndarray) -> np.ndarray:
    """F1 of each class, (draws, classes), from sums of (draws, classes * 3); NaN without any."""
    right, found, gold = np.moveaxis(sums.reshape(len(sums), -1, 3), -1, 0)
    out = np.full(right.shape, np.nan)
    np.divide(2 * right, found + gold, out=out, where=found + gold > 0)
    return out


def flips(old: Predictions, new: Predictions, schema: Schema) -> list[Flip] | None:
    """The examples that one of two runs answers rightly, and the other wrongly.

    An example is answered rightly where the answers to all its targets are the right ones.

    Returns:
        ``None`` where no target is right or wrong, as numbers and lists of a task's own are not.
    """
    targets = [
        one
        for one in schema.targets
        if one.kind != "number" and any(ft.predicted(one, item) is not None for item in old.items)
    ]
    if not targets:
        return None
    return list(_flips(old, new, targets))


def _flips(old: Predictions, new: Predictions, targets: Sequence[Target]) -> Iterator[Flip]:
    columns = {target.column: old.examples[target.column] for target in targets}
    for row, (before, after) in enumerate(zip(old.items, new.items, strict=True)):
        gold = {name: column[row] for name, column in columns.items()}
        told = [
            {target.column: ft.predicted(target, item) for target in targets}
            for item in (before, after)
        ]
        right = [
            all(
                gold[one.column] is None or ft.is_right(one, gold[one.column], said[one.column])
                for one in targets
            )
            for said in told
        ]
        if right[0] != right[1]:
            yield Flip(row, right[0], gold, *told)


def unknown(old: Predictions, schema: Schema, labels: Sequence[str]) -> dict[str, int]:
    """The classes of the examples that a run does not know, and how often each stands there.

    Args:
        old: of the run.
        schema: what the examples hold.
        labels: those that the run knows.
    """
    target = next((one for one in schema.targets if one.names), None)
    if target is None or not labels:
        return {}
    known = {ft.tags.split_tag(one)[1] or one for one in labels} if schema.words else set(labels)
    counts: dict[str, int] = {}
    for gold, _ in _parts(target, schema, old) or ():
        for name, _ in gold:
            if name not in known:
                counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))
