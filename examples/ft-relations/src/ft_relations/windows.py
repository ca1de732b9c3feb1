"""Fitting a sentence into the model so that both entities stay in it."""

from __future__ import annotations

from collections.abc import Sequence


def window(length: int, opens: Sequence[int], closes: Sequence[int], room: int) -> list[int]:
    """Which tokens of a sentence to keep.

    Of a sentence that is too long, the stretch from the first entity to the last stays, with as much
    on both sides of it as fits. If that stretch is too long itself, half of the room goes to what
    begins with the first entity and half to what begins with the second.

    Args:
        length: tokens of the sentence.
        opens: positions of the two opening marks.
        closes: positions of the two closing marks.
        room: tokens that may be kept.

    Returns:
        The positions, rising; both opening marks are among them.
    """
    if length <= room:
        return list(range(length))
    first, second = sorted(opens)
    end = max(closes) + 1
    spare = room - (end - first)
    if spare >= 0:
        begin = min(max(0, first - spare // 2), length - room)
        return list(range(begin, begin + room))
    head = range(first, min(first + room // 2, second))
    tail = range(second, min(second + room - len(head), length))
    return [*head, *tail]
