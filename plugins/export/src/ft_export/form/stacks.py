"""Layers of a stack by their names, and as few of them as are enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

NUMBERED = re.compile(r"(.*?\.\d+)(\.|$)")
"""A module's name up to its first number: one layer of a stack."""


def stack_of(name: str) -> str:
    """The layer of a stack that a module is in, such as ``bert.encoder.layer.0``, or else its own name."""
    found = NUMBERED.match(name)
    return found[1] if found else name


def fewest(layers: Sequence[str], enough: Callable[[Sequence[str]], bool]) -> list[str] | None:
    """The shortest beginning of a list, at least one long, that is enough; found by halving.

    Returns:
        ``None`` where not even the whole list is.
    """
    if not enough(layers):
        return None
    low, high = 0, len(layers)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(layers[:middle]) else (middle, high)
    return list(layers[:high])
