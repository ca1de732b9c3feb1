"""Classes so rare that holding examples out would leave train without them."""

from __future__ import annotations

from dataclasses import replace

from ft import Label, TaskData
from ft_sentiment.labels import classes_of
from ft_sentiment.settings import SentimentConfig


def keep_rare(data: TaskData, label: Label, config: SentimentConfig) -> TaskData:
    """Put held-out examples with a class that train would lack back to the end of train.

    Only where the validation split was held out of train; one that the user gave stays as it is,
    and so does a train split that is cut by ``limit``.

    Args:
        data: the splits.
        label: of any kind but ``number``.
        config: the settings.
    """
    from datasets import DatasetDict, concatenate_datasets

    splits = data.splits
    if config.validation is not None or config.limit is not None:
        return data
    if not {"train", "validation"} <= splits.keys():
        return data
    seen = {name for value in splits["train"][label.column] for name in classes_of(value)}
    held = [set(classes_of(value)) - seen for value in splits["validation"][label.column]]
    rows = [row for row, rare in enumerate(held) if rare]
    if not rows or len(rows) == len(held):
        return data
    others = [row for row, rare in enumerate(held) if not rare]
    validation = splits["validation"]
    train = concatenate_datasets([splits["train"], validation.select(rows)])
    names = ", ".join(f"'{name}'" for name in sorted(set().union(*held))[:5])
    data.notes.append(
        f"{len(rows):,} of the examples held out for validation stay in train, which has no other "
        f"with their labels: {names}"
    )
    moved = DatasetDict({**splits, "train": train, "validation": validation.select(others)})
    return replace(data, splits=moved)
