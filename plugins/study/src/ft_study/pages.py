"""Results as one self-contained page, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ft import Table, UserError

TEMPLATE = "page.html"


def write_page(
    path: Path, title: str, about: str, tables: Sequence[Table], words: Sequence[str] = ()
) -> None:
    """Write a page that needs nothing else, whole or not at all.

    Args:
        path: the file.
        title: its heading.
        about: the line below it.
        tables: in their order.
        words: sentences before the tables.

    Raises:
        UserError: the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ft_study"), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template(TEMPLATE).render(
        title=title, about=about, tables=tables, words=words
    )
    write_whole(path, page)


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all, also where several processes write it.

    Raises:
        UserError: it cannot be written.
    """
    from os import getpid
    from socket import gethostname

    partial = path.with_name(f".{path.name}.{gethostname()}.{getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(path)) from error


def to_json(values: Any) -> str:
    """Values as JSON; a number that JSON lacks becomes null."""
    return json.dumps(_plain(values), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
