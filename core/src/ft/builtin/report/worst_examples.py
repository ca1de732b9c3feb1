"""Keeps the examples most worth a look, in bounded memory and bounded room on the page."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable
from typing import Any


def size(value: Any) -> int:
    """Bytes that a value takes in the page."""
    return len(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    )


class Shelf:
    """The examples of the highest priority, some of each kind.

    Args:
        most: examples of each kind that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kinds: dict[str, list[tuple[float, int, dict[str, Any]]]] = {}
        self.seen = 0

    def add(self, kinds: Iterable[str], priority: float, example: dict[str, Any]) -> None:
        """Offer an example. Of equal priority, the earlier comes first."""
        entry = (priority, -self.seen, example)
        self.seen += 1
        for kind in kinds:
            heap = self._kinds.setdefault(kind, [])
            if len(heap) < self._most:
                heapq.heappush(heap, entry)
            elif entry > heap[0]:
                heapq.heapreplace(heap, entry)

    def taken(self, room: int) -> list[dict[str, Any]]:
        """What fits into so many bytes: the best of each kind in turn; sorted by priority."""
        columns = [sorted(heap, reverse=True) for heap in self._kinds.values()]
        chosen: dict[int, tuple[float, int, dict[str, Any]]] = {}
        for rank in range(self._most):
            for column in columns:
                if rank < len(column) and column[rank][1] not in chosen:
                    need = size(column[rank][2]) + 1
                    if need <= room:
                        room -= need
                        chosen[column[rank][1]] = column[rank]
        return [entry[2] for entry in sorted(chosen.values(), reverse=True)]
