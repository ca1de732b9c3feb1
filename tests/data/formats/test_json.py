from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ft import FtError
from ft.data.read_tables import read_table

ROWS = [{"text": "a", "n": 1}, {"text": "b\nc", "n": 2}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "a", "n": 1}\n{"text": "b\\nc", "n": 2}\n'),
        ("a.jsonl", '\ufeff{"text": "a", "n": 1}\r\n\r\n  \n{"text": "b\\nc", "n": 2}'),
        ("a.ndjson", '{"text": "a", "n": 1}\n{"n": 2, "text": "b\\nc"}\n'),
        ("a.json", '{"text": "a", "n": 1}\n{"text": "b\\nc", "n": 2}\n'),
        ("a.json", '[{"text": "a", "n": 1},{"text": "b\\nc", "n": 2}]'),
        ("a.json", json.dumps(ROWS, indent=2)),
        ("a.json", "\n\n " + json.dumps(ROWS, indent=1) + "\n\n"),
        ("a.jsonl", json.dumps(ROWS)),
    ],
)
def test_layouts(name: str, content: str, write: Any) -> None:
    data = read_table(write(name, content), owner="t")
    assert [{key: row[key] for key in ("text", "n")} for row in data] == ROWS


def test_lines(write: Any) -> None:
    assert read_table(write("a.jsonl", '\n{"a": 1}\n\n{"a": 2}'), owner="t")["line"][:] == [2, 4]
    path = write("a.json", '[\n {"a": 1},\n {\n"a": 2}, {"a": 3}\n]')
    assert read_table(path, owner="t")["line"][:] == [2, 3, 4]


@pytest.mark.parametrize(
    ("values", "type_name", "read"),
    [
        ([1, None, 2], "int64", [1, None, 2]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([None, "a"], "string", [None, "a"]),
        ([None, None], "string", [None, None]),
        ([True, False], "bool", [True, False]),
        ([[], ["a"]], "list<item: string>", [[], ["a"]]),
        ([[1], [2.5, None]], "list<item: double>", [[1.0], [2.5, None]]),
        ([[0, 5, "PER"], []], "string", ['[0, 5, "PER"]', "[]"]),
        ([[[0, 5, "É"]], []], "list<item: string>", [['[0, 5, "É"]'], []]),
        (
            [{"a": 1}, {"b": "x"}],
            "struct<a: int64, b: string>",
            [{"a": 1, "b": None}, {"a": None, "b": "x"}],
        ),
        ([{}, None], "struct<>", [{}, None]),
    ],
)
def test_types(values: list[Any], type_name: str, read: list[Any], write: Any) -> None:
    data = read_table(write("a.jsonl", [{"v": value} for value in values]), owner="t")
    assert str(data.data.schema.field("v").type) == type_name
    assert data["v"][:] == read


def test_a_column_that_comes_late(write: Any) -> None:
    rows = [{"a": i} for i in range(2500)] + [{"a": 1, "b": "x"}]
    data = read_table(write("a.jsonl", rows), owner="t")
    assert data[0]["b"] is None
    assert data[2500]["b"] == "x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.jsonl: holds no rows"),
        ("[]", r"a\.jsonl: holds no rows"),
        ('{"a": 1}\n{"a": \n', r"a\.jsonl:2: is not valid JSON: Expecting value at character 7"),
        ('{"a": 1}\n[1]\n', r"a\.jsonl:2: is not an object, \{\.\.\.\}"),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', r"a\.jsonl:2: .*the name 'a' stands twice in one object"),
        (
            '{"a": 1}\n{"a": "x"}\n',
            r"a\.jsonl:2: the column 'a' holds text, other rows hold a number",
        ),
        (
            '{"a": [1]}\n{"a": {"b": 1}}\n',
            r"the column 'a' holds an object, other rows hold a list",
        ),
        ('{"a": 1}\n{"a": 99999999999999999999}\n', r":2: .*'a' holds a number that is too large"),
        (f'{{"a": {"9" * 5000}}}\n', r":1: is not valid JSON: Exceeds the limit"),
        ('{"a": "\\ud800"}\n', r"a\.jsonl:1: holds half of a surrogate pair"),
        ('{"a": "x\x01"}\n', r"a\.jsonl:1: is not valid JSON: Invalid control character"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", r"a\.jsonl:1: .*nested too deeply"),
        ('{"a": ' + "[" * 30 + "]" * 30 + "}", r"a\.jsonl:1: the column 'a' is nested too deeply"),
        ('{"a": 1}\nnull\n', r"a\.jsonl:2: is not an object"),
        (
            '{"a": 9007199254740993}\n{"a": 0.5}\n',
            r"a\.jsonl:1: cannot be held in the columns' types",
        ),
        ("".join(f'{{"c{i}": 1}}\n' for i in range(1001)), "the rows have over 1,000 columns"),
        ('[{"a": 1}\n{"a": 2}]', r"a\.jsonl:2: the list is not closed, or lacks a comma"),
        ('[{"a": 1},\n{"a": 2}', r"a\.jsonl:2: the list is not closed"),
        (
            '[{"a": 1},\n{"a" 2}]',
            r"a\.jsonl:2: is not valid JSON from here on \(item 2\): Expecting ':'",
        ),
        ('[{"a": 1}]\n x', r"a\.jsonl:2: more text after the end of the list"),
        ('[{"a": 1},\n 3]', r"a\.jsonl:2: is not an object"),
        (
            '[{"a": 1, "a": 2}]',
            r"a\.jsonl:1: is not valid JSON from here on \(item 1\): the name 'a' stands twice",
        ),
    ],
)
def test_errors(content: str, message: str, write: Any) -> None:
    with pytest.raises(FtError, match=message):
        read_table(write("a.jsonl", content), owner="t")


def test_a_long_list_is_read_in_parts(write: Any) -> None:
    rows = [{"text": f"é{i}" * 50, "n": i} for i in range(20_000)]
    data = read_table(write("a.json", json.dumps(rows, ensure_ascii=False)), owner="t")
    assert data["n"][:] == list(range(20_000))
    assert data[19_999]["text"] == rows[19_999]["text"]


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=3), VALUE, max_size=3), min_size=1, max_size=5)
)
def test_any_objects_are_read_or_refused(tmp_path_factory: Any, rows: list[Any]) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        data = read_table(path, owner="t")
    except FtError:
        return
    assert data["line"][:] == list(range(1, len(rows) + 1))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5),
    escape=st.booleans(),
)
def test_any_texts_are_read_back(tmp_path_factory: Any, texts: list[str], escape: bool) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    lines = [json.dumps({"text": text}, ensure_ascii=escape) for text in texts]
    path.write_bytes("\n".join(lines).encode())
    assert read_table(path, owner="t")["text"][:] == texts
