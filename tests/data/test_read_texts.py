from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ft import FtError, Label, Text
from ft.data.read_texts import sort_labels


def test_a_csv_file(write: Any, texts: Any) -> None:
    data = texts(write("a.csv", "text,label,source\ngood,pos,web\nbad,neg,mail\n"))
    assert data.splits["train"][:] == {
        "text": ["good", "bad"], "label": ["pos", "neg"], "source": ["web", "mail"], "line": [2, 3]
    }  # fmt: skip
    assert data.schema.texts == (Text("text"),)
    assert data.schema.label == Label("label", ("neg", "pos"), "single")


def test_a_pair_and_other_names(write: Any, texts: Any) -> None:
    path = write("a.csv", "q1,q2,same,text\na,b,1,other\nc,d,0,other\n")
    data = texts(
        path, text="text", pair="pair", columns={"text": "q1", "pair": "q2", "label": "same"}
    )
    assert data.splits["train"][0] == {
        "text": "a", "pair": "b", "label": "1", "text_": "other", "line": 2
    }  # fmt: skip
    assert data.schema.texts == (Text("text"), Text("pair"))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0, 1, 10, 2], ("0", "1", "2", "10")),
        ([1.0, 0.0], ("0", "1")),
        ([0.5, -1.0], ("-1", "0.5")),
        ([True, False], ("false", "true")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["b", "10", "a"], ("10", "a", "b")),
    ],
)
def test_labels_become_texts_in_order(values: Any, names: Any, write: Any, texts: Any) -> None:
    data = texts(write("a.jsonl", [{"text": f"t{i}", "label": v} for i, v in enumerate(values)]))
    assert data.schema.label.names == names
    assert set(data.splits["train"]["label"][:]) == set(names)


def test_numbers_meet_texts_over_files(write: Any, texts: Any, tmp_path: Any) -> None:
    train = write("train.csv", "text,label\na,1\nb,0\n")
    pq.write_table(pa.table({"text": ["c"], "label": [1.0]}), tmp_path / "test.parquet")
    data = texts(train, test=tmp_path / "test.parquet")
    assert data.schema.label.names == ("0", "1")
    assert data.splits["test"]["label"][:] == ["1"]


def test_labels_are_those_of_all_splits_and_unseen_ones_are_said(write: Any, texts: Any) -> None:
    train = write("train.csv", "text,label\na,x\nb,y\n")
    test = write("test.csv", "text,label\nc,z\nd,x\n")
    data = texts(train, validation=train, test=test)
    assert data.schema.label.names == ("x", "y", "z")
    assert "label: test has labels that train never has: 'z' (1)" in data.notes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\nt,a|b\nu,\nv,"[""c"", ""a""]"\nw,a | a\n'),
        (
            "a.jsonl",
            [
                {"text": t, "label": v}
                for t, v in zip("tuvw", [["a", "b"], [], ["c", "a"], ["a"]], strict=True)
            ],
        ),
    ],
)
def test_several_labels(name: str, content: Any, write: Any, texts: Any) -> None:
    data = texts(write(name, content), label_kind="multi")
    assert data.splits["train"]["label"][:] == [["a", "b"], [], ["c", "a"], ["a"]]
    assert data.schema.label == Label("label", ("a", "b", "c"), "multi")


def test_numbers_for_labels_of_several(write: Any, texts: Any) -> None:
    data = texts(write("a.jsonl", [{"text": "t", "label": [3, 10]}]), label_kind="multi")
    assert data.schema.label.names == ("3", "10")


def test_numbers(write: Any, texts: Any) -> None:
    data = texts(write("a.csv", "text,label\na,1\nb,-2.5e1\n"), label_kind="number")
    assert data.splits["train"]["label"][:] == [1.0, -25.0]
    assert data.schema.label == Label("label", (), "number")


def test_given_names_hold(write: Any, texts: Any) -> None:
    path = write("a.csv", "text,label\na,low\nb,high\n")
    data = texts(path, names=("low", "mid", "high"), label_kind="ordinal")
    assert data.schema.label == Label("label", ("low", "mid", "high"), "ordinal")
    with pytest.raises(FtError, match=r"a\.csv:3: has the label 'high', which is none of low, mid"):
        texts(path, names=("low", "mid"))


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([{"text": "a", "label": "x"}, {"text": None, "label": "x"}], "single", r":2: has no text"),
        ([{"text": "a", "label": "x"}, {"text": "b"}], "single", r":2: has no label"),
        ([{"text": "a", "label": "x"}, {"text": "b", "label": " "}], "single", r":2: has no label"),
        ([{"text": "a", "label": float("nan")}], "single", r":1: has no label"),
        (
            [{"text": "a", "label": ["x", "y"]}],
            "single",
            r":1: has \['x', 'y'\] for a label, neither text nor",
        ),
        ([{"text": "a", "label": "x"}], "number", r":1: has 'x' for a label, no number"),
        (
            [{"text": "a", "label": "inf"}],
            "number",
            r":1: has 'inf' for a label, which is no finite",
        ),
        ([{"text": "a", "label": None}], "number", r":1: has no label"),
        ([{"text": "a", "label": None}], "multi", r":1: has no label; write \[\] for none"),
        (
            [{"text": "a", "label": "[x]"}],
            "multi",
            r":1: has a label that begins with \[ and is no",
        ),
        ([{"text": "a", "label": "a||b"}], "multi", r":1: has no label"),
        ([{"text": 3, "label": "x"}], "single", r"the column 'text' holds int64, not texts"),
        (
            [{"text": ["a"], "label": "x"}],
            "single",
            r"the column 'text' holds list<item: string>, not",
        ),
        (
            [{"txt": "a", "label": "x"}],
            "single",
            r"there is no column 'text'; .*\n.*if 'txt' is meant",
        ),
        (
            [{"text": "a", "Label": "x"}],
            "single",
            r"there is no column 'label'.*\n.*if 'Label' is meant",
        ),
    ],
)
def test_errors(rows: Any, kind: str, message: str, write: Any, texts: Any) -> None:
    with pytest.raises(FtError, match=message):
        texts(write("a.jsonl", rows), label_kind=kind)


def test_a_space_behind_a_name_is_said(write: Any, texts: Any) -> None:
    """Trailing spaces in a header are invisible in most messages: the column seems to be there."""
    path = write("a.csv", "text,label \na,x\n")
    with pytest.raises(FtError) as caught:
        texts(path)
    assert "no column 'label', but one with white space around its name, 'label '" in str(
        caught.value
    )
    assert "task.columns = {label = 'label '}" in str(caught.value)
    assert texts(path, columns={"label": "label "}).schema.label.names == ("x",)


def test_other_columns_keep_their_types(write: Any, texts: Any) -> None:
    rows = [{"text": "a", "label": "x", "n": 1, "meta": {"k": [1.5]}}]
    data = texts(write("a.jsonl", rows))
    assert data.splits["train"][0]["meta"] == {"k": [1.5]}


def test_reserved_names_may_be_mapped(write: Any, texts: Any) -> None:
    data = texts(write("a.csv", "line,file,n\na,x,1\n"), columns={"text": "line", "label": "file"})
    assert data.splits["train"][0] == {"text": "a", "label": "x", "n": "1", "line": 2}


def test_sort_labels() -> None:
    assert sort_labels({"nan", "1"}) == ("1", "nan")
    assert sort_labels(set()) == ()
