"""Gold and prediction of every target by its kind: written texts, spans, relations, orders, several."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ft.builtin.report.views.view import PER_KIND, Findings, cut, place_of
from ft.builtin.report.worst_examples import Shelf
from ft.contract.answers import is_right, predicted
from ft.contract.results import Table
from ft.contract.schema import Schema, Target

RIGHT, WRONG = "right", "wrong"
NOTHING = "(none)"


class TargetsView:
    """Each target of an example, what is right and what was predicted beside each other."""

    renderer = "targets"
    kinds = (WRONG, RIGHT)
    order = (
        "those with the most wrong targets come first, texts that share least with the right ones"
    )

    def __init__(self, schema: Schema) -> None:
        self._targets = schema.targets
        self._texts = {text.column: text.editable for text in schema.texts}
        self._words = schema.words and schema.words.tokens
        self._inputs = [*self._texts, *schema.numbers, *schema.categories]
        self._shelf = Shelf(PER_KIND)
        self._counts = {target.column: Counter[str]() for target in schema.targets}
        self._errors: dict[str, list[float]] = {target.column: [] for target in schema.targets}

    def see(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        """See `View`."""
        told = [self._told(target, example, predicted(target, item)) for target in self._targets]
        answers = [one for one in told if one is not None]
        known = [one["right"] for one in answers if one["right"] is not None]
        wrong = known.count(False)
        kinds = [WRONG] if wrong else [RIGHT] if known else [""]
        texts = [[name, cut(example[name])] for name in self._inputs if example.get(name)]
        if self._words and example.get(self._words):
            texts.insert(0, [self._words, cut(" ".join(example[self._words]))])
        row = {
            "n": self._shelf.seen,
            "at": place_of(example),
            "texts": texts,
            "answers": answers,
            "kinds": kinds,
        }
        far = max((one["far"] for one in answers), default=0.0)
        self._shelf.add(kinds, wrong / max(1, len(known)) + far, row)

    def _told(
        self, target: Target, example: Mapping[str, Any], found: Any
    ) -> dict[str, Any] | None:
        """What is said of one target; ``None`` where there is neither gold nor prediction."""
        gold = example.get(target.column)
        if gold is None and found is None:
            return None
        right = None
        if gold is not None and found is not None:
            right = is_right(target, gold, found)
            self._counts[target.column][RIGHT if right else WRONG] += 1
            if target.kind == "number":
                error = abs(float(gold) - float(found))
                self._errors[target.column] += [error] if math.isfinite(error) else []
        return {
            "far": _far(gold, found) if target.kind == "text" and right is False else 0.0,
            "name": target.column,
            "gold": self._shown(target, gold, example),
            "found": self._shown(target, found, example),
            "right": None if target.kind == "number" else right,
        }

    def _shown(self, target: Target, value: Any, example: Mapping[str, Any]) -> str:
        if value is None or value in ([], ""):
            return NOTHING
        if target.kind == "spans" and isinstance(value, list):
            return cut("; ".join(_span(one, self._pointed(example)) for one in value))
        if target.kind == "relations" and isinstance(value, list):
            return cut("; ".join(_relation(one) for one in value))
        if target.kind == "order" and isinstance(value, list):
            return cut(" > ".join(map(str, value)))
        if target.kind == "tags" and isinstance(value, list):
            return cut(" ".join(map(str, value)))
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return cut(", ".join(value))
        return cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

    def _pointed(self, example: Mapping[str, Any]) -> str | None:
        """The text that spans point into: the only one, or the only one that must not be edited."""
        fixed = [name for name, editable in self._texts.items() if not editable]
        names = fixed if len(fixed) == 1 else list(self._texts)
        text = example.get(names[0]) if len(names) == 1 else None
        return text if isinstance(text, str) else None

    def findings(self) -> Findings:
        """See `View`."""
        rows = []
        for target in self._targets:
            counts, errors = self._counts[target.column], self._errors[target.column]
            number = target.kind == "number"
            rows.append(
                (
                    target.column,
                    target.kind,
                    counts.total(),
                    None if number else counts[RIGHT],
                    sum(errors) / len(errors) if errors else None,
                )
            )
        columns = ("target", "kind", "examples", "exactly right", "mean error")
        return Findings(tables=(Table("Targets", columns, tuple(rows)),))

    def examples(self, room: int) -> list[dict[str, Any]]:
        """See `View`."""
        return self._shelf.taken(room)


def _far(gold: Any, found: Any) -> float:
    """How little of its pairs of characters a written text shares with the right one, 0 to 1."""
    one, other = (Counter(map("".join, pairwise(str(text)))) for text in (gold, found))
    return 1 - 2 * (one & other).total() / max(1, one.total() + other.total())


def _span(one: Any, text: str | None) -> str:
    if not isinstance(one, Mapping):
        return str(one)
    start, end = one.get("start"), one.get("end")
    there = text is not None and isinstance(start, int) and isinstance(end, int)
    words = text[start:end] if there and text is not None else f"{start} to {end}"
    return f"{words} ({one['label']})" if one.get("label") else words


def _relation(one: Any) -> str:
    if not isinstance(one, Mapping):
        return str(one)
    return f"{one.get('label', 'related')}({one.get('head')}, {one.get('tail')})"
