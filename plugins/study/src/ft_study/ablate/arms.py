"""Which combinations an ablation trains, and which of them say what a technique brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Arm = tuple[str, ...]
"""Names of plugins, the task first."""


@dataclass(frozen=True)
class Contrast:
    """Two arms whose difference is what something brings.

    Attributes:
        what: the technique, or all of them.
        where: in which company.
        better: the arm with it.
        worse: the arm without it.
    """

    what: str
    where: str
    better: Arm
    worse: Arm


def arm_name(arm: Arm) -> str:
    """What an arm is called, also as a folder."""
    return "+".join(arm)


def arms(task: str, techniques: Sequence[str]) -> list[Arm]:
    """The task alone, each technique added, all of them, each left out; none twice."""
    found = [(task,), *((task, one) for one in techniques), (task, *techniques)]
    found += [_without(task, techniques, one) for one in techniques]
    return list(dict.fromkeys(found))


def contrasts(task: str, techniques: Sequence[str]) -> list[Contrast]:
    """What each technique brings to the task alone and to the full set, and all of them together."""
    alone, full = (task,), (task, *techniques)
    found = [Contrast(one, f"added to {task}", (task, one), alone) for one in techniques]
    if len(techniques) > 1:
        found += [
            Contrast(one, "in the full set", full, _without(task, techniques, one))
            for one in techniques
        ]
        found.append(Contrast("all together", f"added to {task}", full, alone))
    return found


def _without(task: str, techniques: Sequence[str], left_out: str) -> Arm:
    return (task, *(one for one in techniques if one != left_out))
