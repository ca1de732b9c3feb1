"""What a plugin hooks, read from its source without importing it.

``ft plugins`` must not run what is merely installed. A class that the source does not show plainly
(made at run time, compiled, inherited from another distribution) has no outline.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ft.contract import hookspecs
from ft.contract.hookspecs import INNER
from ft.loading.source import DEEPEST, absolute, parse

Part = Literal["provides", "wraps", "hears"]

TASK_HOOK = "load_data"
"""Who provides it is a task; every other plugin is a technique."""

_MARK = "hookimpl"


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

    def __str__(self) -> str:
        parts: dict[str, list[str]] = {}
        for hook, part in self.hooks.items():
            parts.setdefault(part, []).append(hook)
        return "; ".join(f"{part} {', '.join(hooks)}" for part, hooks in parts.items())


def outline_of(cls: type) -> Outline:
    """The hooks of an imported plugin class."""
    found: dict[str, list[str]] = {}
    for name in dir(cls):
        function = getattr(cls, name, None)
        code = getattr(function, "__code__", None)
        if code is not None and hasattr(function, "ft_impl"):
            found[name] = list(code.co_varnames[: code.co_argcount])
    return _outline(found)


def outline(target: str) -> Outline | None:
    """The hooks of the class that an entry point points to, ``None`` if the source does not tell.

    Args:
        target: ``package.module:Class``.
    """
    module, _, name = target.partition(":")
    found = _methods(module, name, DEEPEST)
    return _outline(found) if found else None


def _outline(found: Mapping[str, list[str]]) -> Outline:
    hooks: dict[str, Part] = {}
    for name, spec in vars(hookspecs).items():
        kind = getattr(spec, "ft_kind", None)
        if kind is not None and name in found:
            wraps = INNER in found[name]
            hooks[name] = "hears" if kind == "event" else "wraps" if wraps else "provides"
    return Outline(hooks)


def _methods(module: str, name: str, depth: int) -> dict[str, list[str]] | None:
    """The hook methods of a class with their arguments, those of its bases included."""
    tree = parse(module) if depth and name else None
    if tree is None:
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _of_class(node, module, depth)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _methods(absolute(node, module), alias.name, depth - 1)
    return None


def _of_class(node: ast.ClassDef, module: str, depth: int) -> dict[str, list[str]] | None:
    methods: dict[str, list[str]] = {}
    for base in reversed(node.bases):
        if isinstance(base, ast.Subscript):
            base = base.value
        base_name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if base_name in ("Plugin", "Generic", "Protocol", "ABC"):
            continue
        inherited = _methods(module, base_name, depth - 1)
        if inherited is None:
            return None
        methods |= inherited
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            if any(_is_mark(decorator) for decorator in item.decorator_list):
                methods[item.name] = [argument.arg for argument in item.args.args]
            else:
                methods.pop(item.name, None)
    return methods


def _is_mark(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return _MARK in (getattr(decorator, "attr", None), getattr(decorator, "id", None))
