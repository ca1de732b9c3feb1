"""Which kind of label the data has, where the user does not say."""

from __future__ import annotations

import ft
from ft import Run, TaskData
from ft_sentiment.checks import Kind
from ft_sentiment.labels import as_number
from ft_sentiment.settings import SentimentConfig

TEXT_ONLY = (".csv", ".tsv", ".txt")
"""Files whose cells are all text, which tells nothing about kinds."""


def found_kind(config: SentimentConfig, run: Run, owner: str) -> Kind:
    """The kind of label by the type of its column in train.

    A column of lists is ``multi``, one of numbers with fractions ``number``; strings, integers and
    truth values are ``single``, as is every label of a CSV file.

    Args:
        config: where the data is.
        run: the run.
        owner: the plugin's name, for messages.

    Raises:
        ft.FtError: the data cannot be read.
    """
    from datasets import List, Value

    if config.train is not None and config.train.endswith(TEXT_ONLY):
        return "single"
    alone = config.model_copy(update={"validation": None, "test": None})
    columns = ["text", "label", *([config.pair] if config.pair else [])]
    train = ft.read_split_tables(alone, owner=owner, run=run, columns=columns).splits["train"]
    found = train.features["label"]
    if isinstance(found, List):
        return "multi"
    if isinstance(found, Value) and found.dtype.startswith("float"):
        values = (value for value in train["label"] if value is not None)
        if any(not float(value).is_integer() for value in values):
            return "number"
    return "single"


def kind_notes(config: SentimentConfig, data: TaskData) -> list[str]:
    """What was decided about the kind for a user who left it open."""
    label = data.schema.label
    if config.kind != "auto" or label is None:
        return []
    if label.kind != "single":
        what = {"multi": "lists", "number": "numbers with fractions"}[label.kind]
        return [f"the labels are {what}: sentiment.kind = '{label.kind}'"]
    if len(label.names) > 2 and all(as_number(name) is not None for name in label.names):
        return [
            f"the labels are numbers, {label.names[0]} to {label.names[-1]}, and taken for classes; "
            "set sentiment.kind = 'ordinal' if they are ratings in order"
        ]
    return []
