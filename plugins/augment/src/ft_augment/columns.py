"""Checks on the columns: is there text to alter, and what runs along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ft import PluginError, Schema

if TYPE_CHECKING:
    from datasets import Dataset

_PROBE = 100


def require_scheme(schema: Schema, who: str) -> None:
    """Refuse tags that the operations cannot keep legal.

    Raises:
        PluginError: tags in a scheme other than BIO2.
    """
    words = schema.words
    if words and words.tags and words.scheme not in (None, "BIO2"):
        raise PluginError(
            f"the tags are in the scheme {words.scheme!r}, augmentation needs BIO2 or plain tags",
            where=f"column {words.tags!r}",
            who=who,
            hint="let the task's load_data convert the tags to BIO2 and say so in its schema",
        )


def columns_along(train: Dataset, schema: Schema) -> tuple[str, ...]:
    """The columns, not named by the schema, that have one value a word: offsets, parts of speech.

    A column counts if its values are lists as long as the sentence in each of the first 100
    examples, and not all empty.
    """
    if schema.words is None or not len(train):
        return ()
    rows = train.with_format(None)[:_PROBE]
    lengths = [len(tokens) for tokens in rows[schema.words.tokens]]
    named = set(schema.columns())
    return tuple(
        column
        for column, values in rows.items()
        if column not in named
        and any(lengths)
        and all(isinstance(value, list) for value in values)
        and [len(value) for value in values] == lengths
    )
