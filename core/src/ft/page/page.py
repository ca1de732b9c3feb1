"""What every page is made with: templates, escaping, style, data for a script."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ft.contract.files import plain
from ft.reporters.text import number

ROWS, COLUMNS = 150, 24
"""Of a table, what is shown."""

CHARACTERS = 300
"""Of a cell, what is shown."""


def environment(*packages: str) -> Environment:
    """The templates of pages, and those of the packages named; what they are given is escaped."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(one) for one in (*packages, "ft.page")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = cell
    made.tests["numeric"] = lambda value: isinstance(value, int | float)
    return made


def script_data(data: Any) -> Markup:
    """JSON that may stand in a ``script`` element: no text in it can end the element."""
    text = json.dumps(plain(data, 6), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def cell(value: Any) -> str:
    """A value of a table as text."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = str(value)
        return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]} …"
    return f"{value:,}" if isinstance(value, int) else number(value)


def style() -> Markup:
    """The style sheet of every page."""
    return Markup((files("ft.page") / "templates" / "page.css").read_text(encoding="utf-8"))
