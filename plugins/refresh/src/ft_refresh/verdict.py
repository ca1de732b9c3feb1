"""Whether a new model is good enough to take the place of the old one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ALPHA = 0.05

Proof = Literal["shown", "point", "safe"]


@dataclass(frozen=True)
class Rule:
    """What must not fall.

    Attributes:
        fall: by how much a score may fall.
        proof: what counts as a larger fall: ``shown``: the score fell by more, and that it fell is
            significant (p of 5 %, corrected for the classes); ``point``: it fell by more;
            ``safe``: the interval does not rule out that it fell by more.
        classes: whose F1 is looked at; ``None`` for all that the old run knows.
    """

    fall: float = 0.02
    proof: Proof = "shown"
    classes: Sequence[str] | None = None


@dataclass(frozen=True)
class Verdict:
    """What follows from a comparison.

    Attributes:
        ship: whether the new model may take the old one's place.
        reasons: why not.
    """

    ship: bool
    reasons: Sequence[str]

    @property
    def text(self) -> str:
        """In words."""
        return "ship" if self.ship else f"do not ship: {'; '.join(self.reasons)}"


def verdict(found: Sequence[Mapping[str, Any]], rule: Rule, old: Sequence[str]) -> Verdict:
    """Judge a comparison of ``ft compare --json``.

    Args:
        found: its ``data``.
        rule: what must not fall.
        old: which of the data are old: there the classes are looked at too.
    """
    if not any(one["data"] in old for one in found):
        why = "the old run has neither test nor validation data to compare on"
        return Verdict(False, [f"{why}, so that nothing is known of what it knew"])
    reasons = [reason for one in found for reason in _falls(one, rule, one["data"] in old)]
    return Verdict(not reasons, reasons)


def _falls(found: Mapping[str, Any], rule: Rule, old: bool) -> Iterator[str]:
    main = next(one for one in found["metrics"] if one["metric"] == found["main"])
    if _fell(main, main["p"], rule, bool(main["higher_is_better"])):
        yield f"{found['main']} on {found['data']} {_text(main, bool(main['higher_is_better']))}"
    if not old:
        return
    for one in found["classes"]:
        named = rule.classes is None or one["class"] in rule.classes
        known = one["class"] not in found["unknown"]["old"]
        if named and known and _fell(one, one["corrected_p"], rule, True):
            yield f"`{one['class']}` {_text(one, True)}"


def _fell(one: Mapping[str, Any], p: float | None, rule: Rule, up: bool) -> bool:
    fall, most = _fall(one, up)[0], _fall(one, up)[2]
    if rule.proof == "safe":
        return (fall if most is None else most) > rule.fall
    # Without p nothing varies over the examples, or nothing is known of that: the value counts.
    return fall > rule.fall and (rule.proof == "point" or p is None or p <= ALPHA)


def _fall(one: Mapping[str, Any], up: bool) -> tuple[float, float | None, float | None]:
    """By how much a score became worse, and the ends of the interval of that."""
    value, low, high = one["difference"], one["low"], one["high"]
    return (-value, _less(high), _less(low)) if up else (value, low, high)


def _less(value: float | None) -> float | None:
    return None if value is None else -value


def _text(one: Mapping[str, Any], up: bool) -> str:
    """Such as ``fell by .04 [.01, .07]``."""
    fall, low, high = _fall(one, up)
    ends = "" if low is None or high is None else f" [{_number(low)}, {_number(high)}]"
    return f"{'fell' if up else 'rose'} by {_number(fall)}{ends}"


def _number(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"


def missing(found: Sequence[Mapping[str, Any]], rule: Rule) -> list[str]:
    """The classes of the rule that no data has."""
    there = {one["class"] for part in found for one in part["classes"]}
    return [name for name in rule.classes or () if name not in there]
