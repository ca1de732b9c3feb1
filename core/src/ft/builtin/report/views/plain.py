"""Examples and predictions as they are, where their roles tell nothing more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ft.builtin.report.views.view import PER_KIND, Findings, cut, place_of
from ft.builtin.report.worst_examples import Shelf
from ft.runfolder.examples import PLACE


class PlainView:
    """Columns and keys with their values; the first examples of the split."""

    renderer = "plain"
    kinds = ()
    order = "the first of the split"

    def __init__(self) -> None:
        self._shelf = Shelf(PER_KIND)

    def see(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        """See `View`."""
        row = {
            "n": self._shelf.seen,
            "at": place_of(example),
            "texts": [[name, _shown(one)] for name, one in example.items() if name != PLACE],
            "found": [[name, _shown(one)] for name, one in item.items()],
        }
        self._shelf.add([""], 0.0, row)

    def findings(self) -> Findings:
        """See `View`."""
        return Findings()

    def examples(self, room: int) -> list[dict[str, Any]]:
        """See `View`."""
        return self._shelf.taken(room)


def _shown(value: Any) -> str:
    return cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
