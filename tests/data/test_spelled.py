"""Lists and mappings in a cell."""

from __future__ import annotations

from typing import Any

import pytest

import ft


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('["a", "b"]', ["a", "b"]),
        (" ['a', 1] ", ["a", 1]),
        ('{"text": ["a"], "start": [0]}', {"text": ["a"], "start": [0]}),
        ("{'a': None}", {"a": None}),
        ("[see page 3]", "[see page 3]"),
        ("{'a'}", "{'a'}"),
        ("['a' 'b']", "['a' 'b']"),
        ("a [1]", "a [1]"),
        ("[" * 100_000, "[" * 100_000),
        (["a"], ["a"]),
        (None, None),
    ],
)
def test_what_json_or_python_wrote_is_read_and_all_else_stays(cell: Any, value: Any) -> None:
    assert ft.spelled(cell) == value
