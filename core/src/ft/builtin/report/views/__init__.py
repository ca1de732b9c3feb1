"""What can be said of examples and their predictions, by the role that the schema gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ft.builtin.report.views.labels import LabelsView
from ft.builtin.report.views.lists import ListsView, is_list
from ft.builtin.report.views.plain import PlainView
from ft.builtin.report.views.targets import TargetsView
from ft.builtin.report.views.words import WordsView
from ft.contract.answers import predicted

if TYPE_CHECKING:
    from ft.builtin.report.views.view import View
    from ft.contract.schema import Schema


def view_of(
    schema: Schema,
    example: Mapping[str, Any],
    item: Mapping[str, Any],
    titles: Mapping[str, str],
) -> View:
    """The view that fits, judged by the schema and the first example with its prediction.

    What fits none is shown as it is.
    """
    words, label = schema.words, schema.label
    told = any(predicted(target, item) is not None for target in schema.targets)
    if told and len(schema.targets) > 1:
        return TargetsView(schema)
    if words and words.tags in example and isinstance(item.get("tags"), list):
        return WordsView(words)
    if label and label.column in example and "label" in item:
        return LabelsView(schema, label)
    if isinstance(item.get("items"), list) and is_list(schema, item):
        return ListsView(schema, titles)
    if told:
        return TargetsView(schema)
    return PlainView()
