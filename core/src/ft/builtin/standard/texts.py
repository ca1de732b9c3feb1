"""Encoding of labelled texts, single or in pairs, in one window each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, PluginError
from ft.contract.schema import EXAMPLE_ID, Label, Schema

if TYPE_CHECKING:
    from ft.contract.run import Run


def encode_texts(
    run: Run, examples: Mapping[str, list[Any]], schema: Schema
) -> dict[str, list[Any]]:
    """Features of texts; what is longer than the model is truncated, and that is said once.

    Raises:
        PluginError: the schema has more than two texts.
        DataError: a label is not among the schema's.
    """
    if len(schema.texts) > 2:
        raise PluginError(
            f"the core encodes one text or a pair, not {len(schema.texts)}",
            hint="let the task plugin provide encode",
        )
    columns = [examples[text.column] for text in schema.texts]
    encoded = run.tokenizer(
        *[list(column) for column in columns],
        truncation=True,
        max_length=run.max_length,
        return_attention_mask=False,
    )
    if any(encoding.overflowing for encoding in encoded.encodings):
        run.note(f"texts beyond {run.max_length} tokens are cut off at their end")
    features: dict[str, list[Any]] = {name: list(values) for name, values in encoded.items()}
    if schema.label and schema.label.column in examples:
        values = examples[schema.label.column]
        if any(value is not None for value in values):
            features["labels"] = label_ids(values, schema.label, examples[EXAMPLE_ID])
    return features


def label_ids(values: Sequence[Any], label: Label, ids: Sequence[int]) -> list[Any]:
    """Labels as the loss takes them: a class id, a list of 0 and 1, or a number; ``None`` where an
    example has none.

    Raises:
        DataError: a label is not among the schema's names.
    """
    if label.kind == "number":
        return [None if value is None else float(value) for value in values]
    classes = {name: i for i, name in enumerate(label.names)}
    try:
        if label.kind == "multi":
            return [
                None
                if value is None
                else [float(k in {classes[name] for name in value}) for k in range(len(classes))]
                for value in values
            ]
        return [None if value is None else classes[str(value)] for value in values]
    except KeyError as error:
        row = next(
            i
            for i, value in zip(ids, values, strict=True)
            if value is not None
            and str(error.args[0]) in (value if label.kind == "multi" else str(value))
        )
        raise DataError(
            f"the label {error.args[0]!r} is not one of {', '.join(label.names)}",
            where=f"column '{label.column}', example {row}",
        ) from error
