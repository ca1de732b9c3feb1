"""From what the page shows to its text: templates, escaping, the script and its data."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ft.contract.files import plain
from ft.reporters.text import number

ROWS, COLUMNS = 150, 24
"""Of a table, what is shown."""

CHARACTERS = 300
"""Of a cell, what is shown."""


def render(values: Mapping[str, Any], data: Mapping[str, Any]) -> bytes:
    """The page.

    Whatever comes from the data is escaped: by Jinja2 where it stands in the page, and as JSON
    without ``<``, ``>`` and ``&`` where the script reads it. The policy in its head lets the browser
    run the page's own script and nothing else, and lets it load nothing.

    Args:
        values: of the template.
        data: what the script shows.
    """
    script = resource("report.js")
    policy = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = (
        environment()
        .get_template("report.html")
        .render(
            **values,
            style=Markup(resource("report.css")),
            script=Markup(script),
            policy=policy,
            data_json=script_data(data),
            most_rows=ROWS,
            most_columns=COLUMNS,
        )
    )
    # A text may hold half of a character that UTF-8 cannot write.
    return text.encode("utf-8", "replace")


def environment() -> Environment:
    """The templates of pages; whatever they are given is escaped."""
    made = Environment(
        loader=PackageLoader("ft.builtin.report"),
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


def resource(name: str) -> str:
    """The text of a file beside the templates."""
    return (files("ft.builtin.report") / "templates" / name).read_text(encoding="utf-8")
