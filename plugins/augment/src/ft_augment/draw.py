"""Random choices made of `random.Random.random` alone.

Python promises the same stream of ``random()`` from the same seed in every version, and of no
other method; a sentence's variant must not change with the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def hits(rng: Random, count: int, rate: float) -> list[int]:
    """The positions among ``count`` that an independent trial at ``rate`` picks, in order."""
    random = rng.random
    return [i for i in range(count) if random() < rate]


def below(rng: Random, count: int) -> int:
    """A uniform integer in ``[0, count)``."""
    return int(rng.random() * count)


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of ``items``, uniformly."""
    return items[int(rng.random() * len(items))]


def shuffled(rng: Random, items: Sequence[T], first: int | None = None) -> list[T]:
    """The items in random order (Fisher-Yates); with ``first``, only so many of them."""
    order = list(items)
    last = len(order)
    first = last if first is None else min(first, last)
    for i in range(first):
        j = i + int(rng.random() * (last - i))
        order[i], order[j] = order[j], order[i]
    return order[:first]
