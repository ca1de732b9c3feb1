"""Texts or images with a label: those where the true label had the lowest probability come first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ft.builtin.report.views.pictures import name_of, picture
from ft.builtin.report.views.view import PER_KIND, Findings, class_name, cut, place_of
from ft.builtin.report.worst_examples import Shelf, size
from ft.contract.results import Table
from ft.contract.schema import Label, Schema

RIGHT, WRONG, MISSED, INVENTED = "right", "wrong", "missed", "invented"
TINY = 1e-12
POINTS = 1000
"""Points of a scatter plot; of more, every so many-th."""


class LabelsView:
    """One class, any number of classes, ratings or a number, beside what was predicted."""

    renderer = "labels"

    def __init__(self, schema: Schema, label: Label) -> None:
        self._label = label
        self._names = [class_name(name) for name in label.names]
        self._shown = [text.column for text in schema.texts]
        self._shown += [*schema.numbers, *schema.categories]
        self._images = schema.images
        self._shelf = Shelf(PER_KIND * 2)
        self._confused: Counter[tuple[str, str]] = Counter()
        self._by_class: dict[str, Counter[str]] = {name: Counter() for name in self._names}
        self._points: list[tuple[float, float]] = []
        kinds: dict[str, tuple[str, ...]] = {"number": (), "multi": (MISSED, INVENTED, RIGHT)}
        self.kinds = kinds.get(label.kind, (WRONG, RIGHT))
        self.order = {
            "number": "those with the largest error come first",
            "multi": "those with the highest loss come first",
        }.get(label.kind, "those whose true label had the lowest probability come first")

    def see(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        """See `View`."""
        gold, found = example[self._label.column], item["label"]
        scores = item.get("scores")
        scores = scores if isinstance(scores, Mapping) else {}
        scores = {class_name(name): score for name, score in scores.items()}
        row: dict[str, Any] = {
            "n": self._shelf.seen,
            "at": place_of(example),
            "texts": [[name, cut(example[name])] for name in self._shown if name in example],
        }
        if self._images:
            row["pictures"] = [example.get(name) for name in self._images]
            row["texts"] += [[name, name_of(example.get(name))] for name in self._images]
        if self._label.kind == "number":
            kinds, loss = self._number(row, gold, found)
        elif self._label.kind == "multi":
            kinds, loss = self._several(row, gold, found, scores)
        else:
            kinds, loss = self._one(row, gold, found, scores)
        row |= {"kinds": sorted(kinds), "loss": loss}
        self._shelf.add(kinds or {RIGHT}, loss, row)

    def _one(
        self, row: dict[str, Any], gold: Any, found: Any, scores: Mapping[str, float]
    ) -> tuple[set[str], float]:
        true, said = class_name(gold), class_name(found)
        self._confused[true, said] += 1
        row |= {"gold": true, "found": said}
        right = true == said
        if not scores:
            return {RIGHT if right else WRONG}, 0.0 if right else 1.0
        # A class that the model does not know has no probability at all.
        row |= {"p_gold": scores.get(true, 0.0), "p_found": scores.get(said)}
        return {RIGHT if right else WRONG}, -math.log(max(scores.get(true, 0.0), TINY))

    def _several(
        self, row: dict[str, Any], gold: Any, found: Any, scores: Mapping[str, float]
    ) -> tuple[set[str], float]:
        true, said = set(map(class_name, gold)), set(map(class_name, found))
        for kind, names in ((RIGHT, true & said), (MISSED, true - said), (INVENTED, said - true)):
            for name in names:
                self._by_class.setdefault(name, Counter())[kind] += 1
        row |= {"gold": sorted(true), "found": sorted(said)}
        kinds = ({MISSED} if true - said else set()) | ({INVENTED} if said - true else set())
        loss = float(len(true ^ said))
        if scores:
            chances = [scores.get(name, 0.0) for name in true]
            chances += [1 - scores[name] for name in scores.keys() - true]
            loss = -sum(math.log(max(chance, TINY)) for chance in chances)
        return kinds or {RIGHT}, loss

    def _number(self, row: dict[str, Any], gold: Any, found: Any) -> tuple[set[str], float]:
        true, said = float(gold), float(found)
        self._points.append((true, said))
        row |= {"gold": true, "found": said}
        error = abs(true - said)
        return set(), error if math.isfinite(error) else math.inf

    def findings(self) -> Findings:
        """See `View`."""
        if self._label.kind == "number":
            some = self._points[:: -(-len(self._points) // POINTS) or 1]
            some = [point for point in some if all(map(math.isfinite, point))]
            return Findings(points=([a for a, _ in some], [b for _, b in some]) if some else None)
        if self._label.kind == "multi":
            rows = tuple(
                (name, one[RIGHT] + one[MISSED], one[RIGHT], one[MISSED], one[INVENTED])
                for name, one in self._by_class.items()
                if one
            )
            columns = ("class", "gold", RIGHT, MISSED, INVENTED)
            return Findings(tables=(Table("Kinds of error", columns, rows),) if rows else ())
        return Findings(
            counts=self._confused,
            names=self._names,
            note="rows: the gold class; columns: how often each class was predicted",
        )

    def examples(self, room: int) -> list[dict[str, Any]]:
        """See `View`."""
        if not self._images:
            return self._shelf.taken(room)
        # Pictures take what the rows leave, those of the worst examples first.
        rows = self._shelf.taken(room // 2)
        room -= sum(map(size, rows))
        for row in rows:
            drawn = [picture(source) for source in row["pictures"]] if room > 0 else []
            row["pictures"] = [one for one in drawn if one is not None]
            room -= size(row["pictures"])
        return rows
