"""Tools in turn on a machine that others may use too: what disturbs it is seen, and measured again.

Beside each measurement stands the time of a fixed amount of matrix products. Where one of a turn took a tenth longer than
the least so far, all of that turn is measured again, a few times at most.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

DISTURBED = 1.1
"""A turn counts if its products took at most so many times the least."""


class Probe:
    """The seconds of a fixed amount of matrix products, with all threads."""

    def __init__(self) -> None:
        import torch

        self.least = math.inf
        self._square = torch.randn(1024, 1024)

    def __call__(self) -> float:
        """Measure, and remember the least."""
        started = time.perf_counter()
        for _ in range(40):
            self._square @ self._square
        taken = time.perf_counter() - started
        self.least = min(self.least, taken)
        return taken


def in_turn(
    tools: Sequence[str], measure: Callable[[str, int], T], turns: int, again: int
) -> tuple[list[dict[str, T]], list[float], int]:
    """Measure every tool in every turn.

    Args:
        tools: their names, in order.
        measure: of a tool in a turn.
        turns: how many.
        again: how many turns are measured again at most.

    Returns:
        What was measured in each turn by tool; the slowest products of each turn over the least of all; how many turns
        were measured again.
    """
    probe, kept, slowest, repeated = Probe(), [], [], 0
    for _ in range(3):
        probe()
    while len(kept) < turns:
        around, found = [probe()], {}
        for tool in tools:
            found[tool] = measure(tool, len(kept))
            around.append(probe())
        if max(around) > DISTURBED * probe.least and repeated < again:
            repeated += 1
            print(
                f"disturbed: products took {max(around) / probe.least:.2f} times the least; again"
            )
            continue
        kept.append(found)
        slowest.append(max(around))
    return kept, [one / probe.least for one in slowest], repeated


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and its interval of at least 95 % by the ranks; of fewer than six values the lowest and highest."""
    ordered = sorted(values)
    count, rank, below = len(ordered), 0, 0.5 ** len(ordered)
    while below <= 0.025:
        rank += 1
        below += math.comb(count, rank) * 0.5**count
    rank = max(rank, 1)
    return statistics.median(ordered), ordered[rank - 1], ordered[count - rank]


def shown(values: Sequence[float], digits: int = 2) -> str:
    """Median and interval as text."""
    middle, low, high = interval(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
