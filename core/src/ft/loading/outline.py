"""What a plugin class hooks, and so whether it is a task or a technique."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ft.contract import hookspecs
from ft.contract.hookspecs import INNER
from ft.contract.plugin import PROJECT

Part = Literal["provides", "wraps", "hears"]

TASK_HOOK = "load_data"
"""Who provides it is a task; every other plugin is a technique."""


@dataclass(frozen=True)
class Outline:
    """The hooks of a plugin.

    Attributes:
        hooks: by the hook's name, whether the plugin provides it, wraps it or, being an event,
            hears of it; in the order of the contract.
    """

    hooks: Mapping[str, Part]

    @property
    def kind(self) -> Literal["task", "technique"]:
        """What the plugin is for."""
        return "task" if self.hooks.get(TASK_HOOK) == "provides" else "technique"


def outline_of(cls: type) -> Outline:
    """The hooks of an imported plugin class."""
    hooks: dict[str, Part] = {}
    for name, spec in vars(hookspecs).items():
        kind, function = getattr(spec, "ft_kind", None), getattr(cls, name, None)
        code = getattr(function, "__code__", None)
        if kind is not None and code is not None and hasattr(function, f"{PROJECT}_impl"):
            wraps = INNER in code.co_varnames[: code.co_argcount]
            hooks[name] = "hears" if kind == "event" else "wraps" if wraps else "provides"
    return Outline(hooks)
