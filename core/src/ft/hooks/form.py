"""Whether a plugin's class has the form of the contract: its hooks, methods and attributes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from ft.contract.errors import FtError, PluginError
from ft.contract.hookspecs import REMOVED
from ft.contract.messages import did_you_mean, nearest
from ft.contract.plugin import PROJECT, Plugin

if TYPE_CHECKING:
    from ft.hooks.chain import Member

Specs = Mapping[str, Callable[..., Any]]

ALIKE = 0.9
"""How like a name of the contract a plugin's own must be to be taken for a slip."""


def form_faults(cls: type[Plugin], owner: str, specs: Specs) -> list[FtError]:
    """What breaks the contract in one plugin's class.

    Args:
        cls: the class.
        owner: how to name the plugin to people.
        specs: every hook spec by name.
    """
    who, kind = f"plugin {owner}", cast(Any, cls)
    return [
        PluginError(what, where=place, who=who, hint=hint)
        for what, place, hint in _faults(kind, tuple(specs.items()))
    ]


@lru_cache(maxsize=64)
def _faults(
    cls: type[Plugin], items: tuple[tuple[str, Callable[..., Any]], ...]
) -> list[tuple[str, str | None, str]]:
    """What is wrong with a class, where, and what to do: looked for once, for each run has two instances."""
    specs = dict(items)
    faults: list[tuple[str, str | None, str]] = []
    for name, function in inspect.getmembers(cls, callable):
        marks: Mapping[str, Any] | None = getattr(function, f"{PROJECT}_impl", None)
        if marks is not None:
            found = _hook_faults(name, function, marks, specs)
        elif name in specs and inspect.isfunction(function):
            what = f"the method '{name}' has the name of a hook and is not marked as one"
            found = [(what, "put @hookimpl above it, or give the method another name")]
        else:
            found = _method_faults(cls, name)
        faults += [(what, _place(function), hint) for what, hint in found]
    return faults


def _place(function: Callable[..., Any]) -> str | None:
    """``file:line`` of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else None


def forgotten(member: Member) -> list[FtError]:
    """Hooks of the tasks inside a plugin that the plugin does not pass on to them."""
    return [
        PluginError(
            f"it keeps the tasks of ft.compose, and does not pass on the hook {hook} to them",
            who=f"plugin {member.owner}",
            hint=f"write the hook {hook} that returns that of the tasks, such as "
            f"self.tasks.{hook}(...)",
        )
        for one in member.composites()
        for hook in one.passed_on
        if not hasattr(getattr(type(member.plugin), hook, None), f"{PROJECT}_impl")
    ]


def slips(cls: type[Plugin], specs: Specs) -> Iterator[tuple[str, str]]:
    """Public names of a plugin that look like one of the contract, misspelt, each with that."""
    known = [name for name in (*specs, *vars(Plugin)) if "_" in name.strip("_")]
    own = {name for one in _own_classes(cls) for name in vars(one)}
    for name in sorted(own - set(known)):
        near = [] if name.startswith("_") else nearest(name, known, cutoff=ALIKE)
        if near:
            yield name, near[0]


def _own_classes(cls: type[Plugin]) -> list[type]:
    """The class and its bases that ft itself does not define."""
    return [one for one in cls.__mro__ if one not in Plugin.__mro__]


def _method_faults(cls: type[Plugin], name: str) -> list[tuple[str, str]]:
    """A method of `Plugin` that was written anew and cannot be called as the core calls it."""
    original, function = getattr(Plugin, name, None), getattr(cls, name)
    if name.startswith("_") or original is None or isinstance(original, type):
        return []
    arguments = list(inspect.signature(original).parameters)
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        own = ", ".join(inspect.signature(function).parameters)
        what = f"the method {name} takes ({own}), and is called with ({', '.join(arguments)})"
        return [(what, f"write def {name}({', '.join(arguments)})")]
    return []


def _hook_faults(
    name: str, function: Callable[..., Any], marks: Mapping[str, Any], specs: Specs
) -> list[tuple[str, str]]:
    spec = specs.get(name)
    if name in REMOVED:
        return [(f"the hook '{name}' is no longer there", REMOVED[name])]
    if spec is None:
        near = did_you_mean(name, specs)
        hint = f"{near} " if near else ""
        return [
            (
                f"there is no hook '{name}'",
                f"{hint}a plugin made for a newer ft needs that ft; "
                f"the hooks of this one are {', '.join(specs)}",
            )
        ]
    faults = []
    allowed = list(inspect.signature(spec).parameters)
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            what, hint = f"has the argument '{parameter}'", "use plain positional arguments"
        elif parameter.default is not parameter.empty:
            what = f"gives the argument '{parameter.name}' a default"
            hint = "drop the default: the core always passes the argument"
        elif parameter.name not in allowed:
            what = f"asks for the argument '{parameter.name}', which it does not have"
            hint = f"it may ask for {', '.join(allowed)}"
        else:
            continue
        faults.append((f"{name} {what}", hint))
    used = [mark for mark in ("wrapper", "hookwrapper", "tryfirst", "trylast") if marks[mark]]
    if used and spec.ft_kind == "chain":  # type: ignore[attr-defined]
        faults.append(
            (
                f"{name} is marked {' and '.join(used)}",
                "take the argument 'inner' and call it to wrap; "
                "the order is that of --plugins, first named nearest to the task",
            )
        )
    return faults
