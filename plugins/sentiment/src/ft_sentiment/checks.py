"""What is wrong with the data or does not fit the settings, one clear message each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from ft import ConfigError, DataError, Label, TaskData, did_you_mean, listed
from ft_sentiment.labels import as_number, classes_of
from ft_sentiment.settings import SentimentConfig

Kind = Literal["single", "multi", "ordinal", "number"]

SHOWN = 5


def check_settings(config: SentimentConfig, kind: Kind, owner: str) -> None:
    """Settings that make no sense together or for this kind of label.

    Args:
        config: the settings.
        kind: of the label.
        owner: the plugin's name, which is the task's own where it is one of several.

    Raises:
        ConfigError: naming the setting.
    """
    if config.order and kind != "ordinal":
        raise _setting(owner, "order", f"only ratings have an order, not labels of kind '{kind}'")
    if len(set(config.classes)) != len(config.classes):
        raise _setting(owner, "classes", "a class stands there twice")
    if config.classes and kind == "number":
        raise _setting(owner, "classes", "numbers have no classes")
    if config.focal_gamma and kind in ("ordinal", "number"):
        raise _setting(
            owner, "focal_gamma", f"focal loss is for classes, not for labels of kind '{kind}'"
        )
    if config.class_weights != "none" and kind == "number":
        raise _setting(owner, "class_weights", "numbers have no classes to weigh")
    if config.long_texts == "windows" and config.pair:
        raise _setting(
            owner, "long_texts", "a pair of texts cannot be read in windows", "head_tail"
        )


def _setting(owner: str, key: str, what: str, instead: str | None = None) -> ConfigError:
    hint = f"set it to '{instead}'" if instead else "leave it out"
    return ConfigError(what, where=f"{owner}.{key}", who=owner, hint=hint)


def check_weights(weights: dict[str, float], names: Sequence[str], owner: str) -> None:
    """Weights for classes that do not exist.

    Raises:
        ConfigError: with the nearest class.
    """
    for name in weights:
        if name not in names:
            hint = did_you_mean(name, names) or f"the classes are {_listed(names)}"
            raise ConfigError(
                f"there is no class '{name}' in the data",
                where=f"{owner}.class_weights.{name}",
                who=owner,
                hint=hint,
            )


def check_classes(data: TaskData, label: Label, config: SentimentConfig, owner: str) -> TaskData:
    """Classes that cannot be learned or scored.

    Args:
        data: the splits.
        label: one of the schema's labels, of any kind but ``number``.
        config: what to do about classes that train lacks.
        owner: the plugin's name.

    Returns:
        The data; the label's names are those of the setting, then those that train has.

    Raises:
        DataError: train has one class only, or another split has a class that train lacks.
    """
    counts = Counter(name for _, name in _labels(data, "train", label))
    counts.update(config.classes)
    if not counts or (len(counts) == 1 and label.kind != "multi"):
        only = next(iter(counts), None)
        hint = f"there must be two classes at least; is '{label.column}' the right column "
        hint += f"({owner}.columns)?"
        if config.limit:
            hint = (
                f"there must be two classes at least, and {owner}.limit = {config.limit} takes the "
                "first examples alone: raise it, or mix the rows of the file"
            )
        left = [
            f"{count:,} of {part['file']} {reason}"
            for part in data.read
            if part["split"] == "train"
            for reason, count in part.get("left_out", {}).items()
        ]
        if left:
            hint += f"; rows that were left out: {', '.join(left)}"
        raise DataError(
            f"every training example has the label '{only}'"
            if counts
            else "no example has a label",
            where=data.place("train", 0),
            who=owner,
            hint=hint,
        )
    if config.unseen_labels == "refuse":
        instead = f"raise {owner}.limit" if config.limit else "add such examples to train"
        _refuse_unseen(data, label, counts, instead, owner)
    found = tuple(name for name in label.names if counts[name])
    names = tuple(dict.fromkeys((*config.classes, *found)))
    if names == label.names or data.schema.label != label:
        return data
    return replace(data, schema=data.schema.with_label(replace(label, names=names)))


def _refuse_unseen(
    data: TaskData, label: Label, seen: Counter[str], instead: str, owner: str
) -> None:
    for split in data.splits:
        found = [(row, name) for row, name in _labels(data, split, label) if not seen[name]]
        if found:
            names = _listed(sorted({name for _, name in found}))
            raise DataError(
                f"label {names} occurs in {split} but not in train ({_count(len(found))}), whose "
                f"labels are {_listed(sorted(seen))}",
                where=data.place(split, found[0][0]),
                who=owner,
                hint=f"{instead}, or set {owner}.unseen_labels = 'count' to count them as mistaken",
            )


def _labels(data: TaskData, split: str, label: Label) -> Iterator[tuple[int, str]]:
    for row, value in enumerate(data.splits[split][label.column]):
        for name in classes_of(value):
            yield row, name


def ranked(data: TaskData, label: Label, order: Sequence[str], owner: str) -> Label:
    """The label with its ratings in rising order.

    Args:
        data: the splits.
        label: of kind ``ordinal``.
        order: the ratings from lowest to highest as the user gives them; empty: by number.
        owner: the plugin's name.

    Raises:
        DataError: a rating is not a number, or not in ``order``.
        ConfigError: a rating stands in ``order`` twice.
    """
    if len(set(order)) != len(order):
        raise ConfigError("a rating stands in the order twice", where=f"{owner}.order", who=owner)
    known: dict[str, Any] = {name: rank for rank, name in enumerate(order)}
    if not order:
        known = {name: number for name in label.names if (number := as_number(name)) is not None}
    for split in data.splits:
        for row, name in _labels(data, split, label):
            if name not in known:
                raise DataError(
                    f"the rating '{name}' is not in {owner}.order"
                    if order
                    else f"the rating '{name}' is not a number",
                    where=data.place(split, row),
                    who=owner,
                    hint=f"correct it, or name every rating from lowest to highest in {owner}.order",
                )
    return replace(label, names=tuple(sorted(label.names, key=known.__getitem__)))


def _listed(names: Sequence[str]) -> str:
    return listed([f"'{name}'" for name in names], SHOWN)


def _count(examples: int) -> str:
    return f"{examples} example{'' if examples == 1 else 's'}"
