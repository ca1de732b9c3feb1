"""Gold and predicted spans side by side: which is right, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ft.data.tags import tags as schemes

Span = tuple[int, int, str]
"""First word, end (exclusive), type."""

RIGHT, TYPE, BORDER, BOTH, MISSED, INVENTED = (
    "right",
    "wrong type",
    "wrong border",
    "wrong type and border",
    "missed",
    "invented",
)
KINDS = (RIGHT, TYPE, BORDER, BOTH, MISSED, INVENTED)


@dataclass(frozen=True)
class Pair:
    """A gold span and the predicted one that stands for it; either may be missing."""

    gold: Span | None
    found: Span | None

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        if self.gold is None:
            return INVENTED
        if self.found is None:
            return MISSED
        same_type = self.gold[2] == self.found[2]
        same_borders = self.gold[:2] == self.found[:2]
        if same_borders:
            return RIGHT if same_type else TYPE
        return BORDER if same_type else BOTH


def spans_of(tags: Sequence[str], scheme: str | None) -> list[Span]:
    """The spans that tags mark; of plain tags each word but those tagged ``O`` is one."""
    if scheme is not None:
        return schemes.spans(tags)
    return [(i, i + 1, tag) for i, tag in enumerate(tags) if tag != schemes.OUTSIDE]


def pair(gold: Sequence[Span], found: Sequence[Span]) -> list[Pair]:
    """Match spans one to one: equal ones first, then equal borders, then those that overlap most.

    Among overlapping ones a span of the same type comes first. What is left over was missed or
    invented. In the order of the words.
    """
    left, right = list(gold), list(found)
    pairs: list[Pair] = []

    def take(key: Callable[[Span], object]) -> None:
        waiting: dict[object, list[Span]] = {}
        for span in right:
            waiting.setdefault(key(span), []).append(span)
        for span in list(left):
            if same := waiting.get(key(span)):
                match = same.pop(0)
                pairs.append(Pair(span, match))
                left.remove(span)
                right.remove(match)

    take(lambda span: span)
    take(lambda span: span[:2])
    overlaps = [
        (a[2] == b[2], min(a[1], b[1]) - max(a[0], b[0]), a, b) for a in left for b in right
    ]
    touching = [one for one in overlaps if one[1] > 0]
    for _, _, a, b in sorted(touching, key=lambda one: (-one[0], -one[1], one[2], one[3])):
        if a in left and b in right:
            pairs.append(Pair(a, b))
            left.remove(a)
            right.remove(b)
    pairs += [Pair(span, None) for span in left] + [Pair(None, span) for span in right]
    return sorted(pairs, key=lambda one: (one.gold or one.found or (0, 0, ""))[:2])
