"""Ranked lists, with the item that was really taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ft.builtin.report.views.view import PER_KIND, Findings, cut, place_of
from ft.builtin.report.worst_examples import Shelf
from ft.contract.results import Table
from ft.contract.schema import Schema, Target

HIT, NOT_LISTED = "hit", "not in the list"
NOTHING = "(none)"
LENGTH, TITLE = 10, 160
"""Items of a list, and characters of a title, that are shown."""

DEPTHS = (1, 3, 5, 10, 20, 50, 100)


def orders(schema: Schema) -> list[Target]:
    """The targets that are lists of items."""
    return [target for target in schema.targets if target.kind == "order"]


def is_list(schema: Schema, item: Mapping[str, Any]) -> bool:
    """Whether a prediction with ``items`` is a ranked list whose true item is known."""
    if schema.group and "target" in item:
        return True
    return bool(orders(schema)) and isinstance(item.get("scores"), list)


class ListsView:
    """The list of each group or text (a user, a query), and where the true item stands in it.

    Reads from a prediction ``items``, the ids of the best, and where they are there ``scores``,
    ``texts``, ``rank`` (of the true item, from 1), ``among`` so many, and ``history``, ids of what
    came before; the true item from ``target``, or else from the example's target of the kind
    ``order``, any of which counts.
    """

    renderer = "lists"
    kinds = (NOT_LISTED, HIT)
    order = "those whose item was ranked lowest come first"

    def __init__(self, schema: Schema, titles: Mapping[str, str]) -> None:
        self._schema = schema
        self._titles = titles
        self._shelf = Shelf(PER_KIND)
        self._ranks: list[float] = []

    def see(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        """See `View`."""
        listed = [str(one) for one in item["items"]]
        true = self._true(example, item)
        target = true[0] if true else NOTHING
        rank = item.get("rank")
        if rank is None:
            rank = next((k for k, one in enumerate(listed, 1) if one in true), None)
        if rank is not None:
            self._ranks.append(rank)
        texts = item.get("texts") or [self._titles.get(one) for one in listed]
        scores = item.get("scores") or []
        texts_of = self._schema.texts
        group = self._schema.group or (texts_of[0].column if texts_of else "")
        kind = HIT if set(true) & set(listed) else NOT_LISTED
        row = {
            "n": self._shelf.seen,
            "at": place_of(example),
            "group": cut(example.get(group, item.get("user", "")), TITLE),
            "target": [cut(target, TITLE), self._title(target)],
            "rank": rank,
            "among": item.get("among"),
            "list": [
                [
                    cut(one, TITLE),
                    cut(texts[k], TITLE) if k < len(texts) and texts[k] else None,
                    round(scores[k], 3) if k < len(scores) else None,
                    one in true,
                ]
                for k, one in enumerate(listed[:LENGTH])
            ],
            "history": [
                [cut(one, TITLE), self._title(str(one))] for one in item.get("history", ())
            ],
            "kinds": [kind],
        }
        self._shelf.add([kind], float(rank if rank is not None else 0), row)

    def _true(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
        if "target" in item:
            return [str(item["target"])]
        gold = next((example.get(one.column) for one in orders(self._schema)), None)
        return [str(one) for one in gold or ()]

    def _title(self, one: str) -> str | None:
        return cut(self._titles[one], TITLE) if one in self._titles else None

    def findings(self) -> Findings:
        """See `View`."""
        if not self._ranks or not self._shelf.seen:
            return Findings()
        rows = tuple(
            (depth, hits, round(hits / self._shelf.seen, 4))
            for depth in DEPTHS
            for hits in [sum(rank <= depth for rank in self._ranks)]
        )
        return Findings(
            tables=(
                Table(
                    "How far down the true item stands",
                    ("within the first", "lists", "share"),
                    rows,
                    f"{self._shelf.seen:,} lists",
                ),
            )
        )

    def examples(self, room: int) -> list[dict[str, Any]]:
        """See `View`."""
        return self._shelf.taken(room)
