"""What a command or a plugin says of itself, read from its source without importing it."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

TASK_HOOK, INNER = "load_data", "inner"
"""What `ft.loading.outline` looks for in an imported class; importing that takes pydantic."""


def summary_of(target: str) -> str:
    """The first line of what a function, a class or a `typer.Typer` says of itself.

    Args:
        target: ``package.module:name``, in the module that defines it or a package that takes it from
            one of its modules.

    Returns:
        Empty if the source does not tell.
    """
    text: str | None = None
    node = _node(target)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        text = ast.get_docstring(node)
    elif isinstance(node, ast.Assign):
        given = {word.arg: word.value for word in getattr(node.value, "keywords", ())}
        text = getattr(given.get("help"), "value", None)
    return " ".join(str(text or "").strip().partition("\n\n")[0].split())


def kind_of(target: str) -> str | None:
    """Whether a plugin's class is a ``task`` or a ``technique``: a task provides `load_data` itself.

    Returns:
        ``None`` if the source does not tell: the class is not there, or has it from another class.
    """
    node = _node(target)
    if not isinstance(node, ast.ClassDef):
        return None
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == TASK_HOOK:
            wraps = INNER in [argument.arg for argument in one.args.args]
            return "technique" if wraps else "task"
    bases = [getattr(base, "attr", getattr(base, "id", "")) for base in node.bases]
    return "technique" if bases == ["Plugin"] else None


def _node(target: str, followed: bool = False) -> ast.stmt | None:
    """What defines a name in a module, or in the one that the module takes it from."""
    module, _, name = (part.strip() for part in target.partition(":"))
    for node in _body(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.Assign) and name in [
            getattr(one, "id", None) for one in node.targets
        ]:
            return node
        taken = isinstance(node, ast.ImportFrom) and not node.level and node.module
        if taken and not followed and name in [one.name for one in node.names]:  # type: ignore[attr-defined]
            return _node(f"{taken}:{name}", followed=True)
    return None


def _body(module: str) -> list[ast.stmt]:
    """The statements of a module; none where there is no source, or it cannot be read."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
        if spec is None or spec.origin is None:
            return []
        path = Path(spec.origin).parent.joinpath(*below) if below else Path(spec.origin)
        if below:
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return ast.parse(path.read_bytes()).body
    except (ImportError, OSError, SyntaxError, ValueError, RecursionError):
        return []
