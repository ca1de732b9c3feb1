"""Lists and mappings that stand in one cell of a table as text."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

NO_COMMAS = re.compile(r"""['"]\s+['"]""")
"""A list as NumPy prints one, whose texts Python would join to one."""


def spelled(value: Any) -> Any:
    """The list or mapping that a text spells, as JSON or Python write it; else the value as it is.

    A cell of a CSV file is a text; whoever writes a table with lists into one writes them so.
    """
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{"):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        if NO_COMMAS.search(value):
            return value
        try:
            found = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return value
    return found if isinstance(found, list | dict) else value
