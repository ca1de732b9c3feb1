"""What a prediction says of a target, and whether that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ft.contract.schema import LABELS, Target


def predicted(target: Target, item: Any, column: str | None = None) -> Any:
    """A target's value in a prediction: under its column, as ``label``, ``tags`` or ``items``, or in
    the prediction of the task whose name stands before a dot; ``None``: it is not there.
    """
    column = column or target.column
    if not isinstance(item, Mapping):
        return None
    if column in item:
        return item[column]
    task, dot, own = column.partition(".")
    if dot and task in item:
        return predicted(target, item[task], own)
    usual = {"tags": "tags", "order": "items", **dict.fromkeys(LABELS, "label")}.get(target.kind)
    return item.get(usual) if usual else None


def is_right(target: Target, gold: Any, found: Any) -> bool:
    """Whether a prediction is the gold answer, by the target's kind."""
    if target.kind == "spans" and isinstance(gold, list) and isinstance(found, list):
        ours, theirs = ({_key(one, ("start", "end", "label")) for one in v} for v in (gold, found))
        # Without classes they are answers, any of which will do.
        return ours == theirs or (not target.names and bool(ours & theirs))
    if target.kind == "relations" and isinstance(gold, list) and isinstance(found, list):
        ours, theirs = ({_key(one, ("head", "tail", "label")) for one in v} for v in (gold, found))
        return ours == theirs
    if target.kind == "multi" and isinstance(gold, list) and isinstance(found, list):
        return sorted(map(str, gold)) == sorted(map(str, found))
    if target.kind == "order" and isinstance(gold, list) and isinstance(found, list):
        return [str(one) for one in gold] == [str(one) for one in found[: len(gold)]]
    if target.kind == "text":
        return str(gold).split() == str(found).split()
    return bool(gold == found)


def _key(one: Any, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(one.get(name) for name in names) if isinstance(one, Mapping) else (str(one),)
