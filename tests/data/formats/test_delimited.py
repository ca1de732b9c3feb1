from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ft import DataConfig, FtError
from ft.data.read_tables import read_table

ROWS = [{"text": "a, b", "label": "x"}, {"text": 'say "hi"', "label": "y"}]


def rows(data: Any) -> list[dict[str, str]]:
    return [{key: row[key] for key in row if key != "line"} for row in data]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"a, b",x\n"say ""hi""",y\n'),
        ("a.csv", 'text,label\r\n"a, b",x\r\n"say ""hi""",y'),
        ("a.csv", '\ufefftext,label\n"a, b",x\n\n"say ""hi""",y\n\n'),
        ("a.csv", '\n\ntext,label\n"a, b",x\n"say ""hi""",y\n'),
        ("a.csv", 'text;label\na, b;x\n"say ""hi""";y\n'),
        ("a.csv", 'text\tlabel\na, b\tx\n"say ""hi"""\ty\n'),
        ("a.tsv", 'text\tlabel\na, b\tx\n"say ""hi"""\ty\n'),
        ("a.tsv", 'text\tlabel\na, b\tx\nsay "hi"\ty\n'),
        ("a.CSV", 'text,label\n"a, b",x\n"say ""hi""",y\n'),
    ],
)
def test_layouts(name: str, content: str, write: Any) -> None:
    assert rows(read_table(write(name, content), owner="t")) == ROWS


def test_lines_are_those_where_rows_begin(write: Any) -> None:
    path = write("a.csv", 'text,label\n"one\ntwo",x\n\nthree,y\n"four\r\n",z\n5,z\n')
    data = read_table(path, owner="t")
    assert data["line"][:] == [2, 5, 6, 8]
    assert data["text"][:] == ["one\ntwo", "three", "four\r\n", "5"]


def test_stray_quotes_in_tsv_are_text(write: Any, run: Any) -> None:
    path = write("a.tsv", 'text\tlabel\n"Oh\tx\n5" disk\ty\nso "so\tx\nend"\ty\n')
    data = read_table(path, owner="t", run=run)
    assert data["text"][:] == ['"Oh', '5" disk', 'so "so', 'end"']
    assert any("quotes are read as text" in note for note in run.notes)


def test_quotes_over_lines_in_tsv_are_text(write: Any) -> None:
    """Else a quote that opens a field would swallow the rows up to the next quote."""
    path = write("a.tsv", 'text\tlabel\n"Oh\tx\nfine\ty\nend"\tx\n')
    assert len(read_table(path, owner="t")) == 3


def test_long_fields(write: Any) -> None:
    path = write("a.csv", f"text,label\n{'x' * 300_000},y\n")
    assert len(read_table(path, owner="t")[0]["text"]) == 300_000


def test_columns_without_a_name_or_with_a_taken_one(write: Any, run: Any) -> None:
    path = write("a.csv", ",line,file,line_\n0,7,f,8\n")
    data = read_table(path, owner="t", run=run)
    assert data[0] == {"column_1": "0", "line__": "7", "file_": "f", "line_": "8", "line": 2}
    assert any(
        note.endswith("the file's own column 'line' is called 'line__'") for note in run.notes
    )
    assert any("column 1 has no name" in note for note in run.notes)


def test_a_header_alone_is_an_empty_table(write: Any) -> None:
    data = read_table(write("a.csv", "text,label\n"), owner="t")
    assert (len(data), data.column_names) == (0, ["text", "label", "line"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,x\nb\n", r"a\.csv:3: has 1 field, the header names 2"),
        ("text,label\na,x\nb,y,z\n", r"a\.csv:3: has 3 fields, the header names 2"),
        ('text,label\n"a\nb",x\nc\n', r"a\.csv:4: has 1 field"),
        ('text,label\n"a" b,x\n', r"a\.csv:2: is not valid CSV: ',' expected after '\"'"),
        (
            'text,label\na,x\n"b,y\nc,z\n',
            r"a\.csv:3: a quoted field in the row that begins here is",
        ),
        ("text,label\na\0,x\n", r"a\.csv:2: holds a NUL byte"),
        ("text,label\na\rb,x\n", r"a\.csv:2: is not valid CSV: new-line character"),
        ("te\0xt,label\na,x\n", r"a\.csv:1: the header holds a NUL byte"),
        ('"te"xt,label\na,x\n', r"the header cannot be read"),
        ("text,text\na,x\n", r"a\.csv:1: the header names 'text' twice"),
        ("", r"a\.csv: is empty"),
        ("\n\n", r"a\.csv: is empty"),
    ],
)
def test_errors(content: str, message: str, write: Any) -> None:
    with pytest.raises(FtError, match=message):
        read_table(write("a.csv", content), owner="t")


def test_bad_bytes_name_the_line(write: Any) -> None:
    path = write("a.csv", b'text,label\n"a\nb",x\n"c\ncaf\xe9",y\n')
    with pytest.raises(FtError, match=r"a\.csv:5: is not valid utf-8 \(byte 0xE9"):
        read_table(path, owner="t")
    data = read_table(path, config=DataConfig(encoding="latin-1"), owner="t")
    assert data["text"][:] == ["a\nb", "c\ncafé"]


def test_several_errors_are_reported_together(write: Any) -> None:
    path = write("a.csv", "text,label\n" + "a,x\n" * 100 + "b\n" * 30)
    with pytest.raises(FtError) as caught:
        read_table(path, owner="t")
    lines = str(caught.value).splitlines()
    assert sum("has 1 field" in line for line in lines) == 20
    assert "and 10 more malformed rows" in lines
    assert "t.on_bad_row = 'skip'" in lines[-1]


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    table=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_table_is_read_back(
    tmp_path_factory: Any, table: list[list[str]], newline: str, quoting: Any
) -> None:
    names = [f"c{i}" for i in range(len(table[0]))]
    text = io.StringIO()
    csv.writer(text, lineterminator=newline, quoting=quoting).writerows([names, *table])
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_bytes(text.getvalue().encode())
    found = read_table(path, owner="t")
    assert [[row[name] for name in names] for row in found] == table


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ("\ufeffsep=;\r\ntext;label\r\na,b;x\r\nc;y\r\n", {}),
        ("sep=|\ntext|label\na,b|x\nc|y\n", {}),
        ("text|label\na,b|x\nc|y\n", {}),
        ("text~label\na,b~x\nc~y\n", {"delimiter": "~"}),
        ("# exported today\n# by hand\ntext;label\na,b;x\n# in between\nc;y\n", {}),
    ],
)
def test_what_stands_between_fields_and_around_them(
    content: str, settings: Any, write: Any, texts: Any
) -> None:
    data = texts(write("a.csv", content), **settings)
    assert data.splits["train"]["text"][:] == ["a,b", "c"]
    comments = content.count("#")
    assert sum("left out: comment lines" in note for note in data.notes) == min(comments, 2)


def test_a_header_may_begin_with_a_hash(write: Any) -> None:
    data = read_table(write("a.csv", "#text,label\na,x\n"), owner="t")
    assert data[0] == {"#text": "a", "label": "x", "line": 2}


def test_many_columns(write: Any) -> None:
    names = [f"c{i}" for i in range(20_000)]
    path = write("a.csv", f"{','.join(names)}\n{','.join('1' * 20_000)}\n")
    assert read_table(path, owner="t", columns=("c7",)).num_columns == 20_001
