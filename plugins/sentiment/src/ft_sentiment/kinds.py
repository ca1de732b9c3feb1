"""What is said of a kind of label that was found in the data."""

from __future__ import annotations

from ft import TaskData
from ft_sentiment.labels import as_number
from ft_sentiment.settings import SentimentConfig


def kind_notes(config: SentimentConfig, data: TaskData, owner: str) -> list[str]:
    """What was decided about the kind for a user who left it open."""
    label = data.schema.label
    if config.kind != "auto" or label is None:
        return []
    if label.kind != "single":
        what = {"multi": "any number of labels", "number": "a number"}[label.kind]
        return [f"each example has {what}: {owner}.kind = '{label.kind}'"]
    if len(label.names) > 2 and all(as_number(name) is not None for name in label.names):
        return [
            f"the labels are numbers, {label.names[0]} to {label.names[-1]}, and taken for classes; "
            f"set {owner}.kind = 'ordinal' if they are ratings in order"
        ]
    return []
