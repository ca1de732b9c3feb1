"""Which kind of label the data has, where the user does not say."""

from __future__ import annotations

from collections.abc import Iterable

import ft
from ft import Run, TaskData
from ft_sentiment.checks import Kind
from ft_sentiment.labels import as_number
from ft_sentiment.settings import SentimentConfig


def found_kind(config: SentimentConfig, run: Run, owner: str) -> Kind:
    """The kind of label by its column in train.

    A column of lists is ``multi``, one of numbers with fractions, also as text, ``number``; strings,
    integers and truth values are ``single``.

    Args:
        config: where the data is.
        run: the run.
        owner: the plugin's name, for messages.

    Raises:
        ft.FtError: the data cannot be read.
    """
    from datasets import List, Value

    if config.train is not None and config.train.endswith(".txt"):
        return "single"
    alone = config.model_copy(update={"validation": None, "test": None})
    columns = ["text", "label", *([config.pair] if config.pair else [])]
    train = ft.read_split_tables(alone, owner=owner, run=run, columns=columns).splits["train"]
    found = train.features["label"]
    if isinstance(found, List):
        return "multi"
    if isinstance(found, Value) and found.dtype.startswith(("float", "string", "large_string")):
        known = (str(value) for value in train["label"] if value is not None)
        if _has_fractions(value for value in known if value.strip()):
            return "number"
    return "single"


def _has_fractions(values: Iterable[str]) -> bool:
    """Whether all values spell numbers, and some of these are not whole."""
    found = False
    for value in values:
        try:
            found |= not float(value).is_integer()
        except ValueError:
            return False
    return found


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
