"""The source of modules that are not imported."""

from __future__ import annotations

import ast
import importlib.util
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

DEEPEST = 10
"""How many imports a name is followed through."""


def summary_of(target: str) -> str:
    """The first line of what a function, or a `typer.Typer`, says of itself; empty if the source
    does not tell.

    Args:
        target: ``package.module:function``.
    """
    module, _, name = target.partition(":")
    text = _text(module.strip(), name.strip(), DEEPEST) or ""
    return " ".join(text.strip().partition("\n\n")[0].split())


def _text(module: str, name: str, depth: int) -> str | None:
    """The docstring of a function, or the ``help`` that an object is made with."""
    tree = parse(module) if depth and name else None
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if name in [getattr(one, "id", None) for one in node.targets]:
                texts = [word.value for word in node.value.keywords if word.arg == "help"]
                return next(
                    (str(one.value) for one in texts if isinstance(one, ast.Constant)), None
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _text(absolute(node, module), alias.name, depth - 1)
    return None


def absolute(node: ast.ImportFrom, module: str) -> str:
    """The module that an import in another module names."""
    if not node.level:
        return node.module or ""
    spec = _find(module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    parts = module.split(".")
    above = parts[: len(parts) - node.level + is_package]
    return ".".join([*above, *([node.module] if node.module else [])])


def parse(module: str) -> ast.Module | None:
    """The source of a module; ``None`` where there is none, or it cannot be read."""
    spec = _find(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        return ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _find(module: str) -> ModuleSpec | None:
    """Where a module is, without importing it or the packages above it."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top) if top else None
        for depth in range(len(below)):
            if spec is None or spec.submodule_search_locations is None:
                return None
            name = ".".join((top, *below[: depth + 1]))
            spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    except (ImportError, ValueError):
        return None
    return spec
