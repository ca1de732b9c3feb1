"""What a command says of itself, read from its source without importing it."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path


def summary_of(target: str) -> str:
    """The first line of what a function, or a `typer.Typer`, says of itself.

    Args:
        target: ``package.module:function``, in the module that defines it.

    Returns:
        Empty if the source does not tell.
    """
    module, _, name = (part.strip() for part in target.partition(":"))
    for node in _body(module):
        text = None
        if isinstance(node, ast.FunctionDef) and node.name == name:
            text = ast.get_docstring(node)
        elif isinstance(node, ast.Assign) and name in [
            getattr(one, "id", None) for one in node.targets
        ]:
            given = {word.arg: word.value for word in getattr(node.value, "keywords", ())}
            text = getattr(given.get("help"), "value", None)
        if text:
            return " ".join(str(text).strip().partition("\n\n")[0].split())
    return ""


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
