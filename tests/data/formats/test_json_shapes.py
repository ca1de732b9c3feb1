"""JSON that is not a list of objects: pandas' layouts, lists by column, objects over several lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ft import DataError, FtError
from ft.data.read_tables import read_table

ROWS = [{"text": "t", "label": "a"}, {"text": "u", "label": "b"}, {"text": "v", "label": "a"}]
FRAME = pd.DataFrame(ROWS)


@pytest.mark.parametrize(
    "content",
    [
        *(FRAME.to_json(orient=orient) for orient in ("columns", "index", "split", "records", "table")),
        json.dumps({"text": ["t", "u", "v"], "label": ["a", "b", "a"]}),
        json.dumps({"version": "1", "data": ROWS}),
        json.dumps({"version": "1", "data": ROWS}, indent=2),
        json.dumps(ROWS, indent=1),
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        " ".join(json.dumps(row, indent=2) for row in ROWS),
        ",\n".join(json.dumps(row, indent=2) for row in ROWS),
        "\n".join(map(json.dumps, ROWS)),
    ],
)  # fmt: skip
def test_layouts(content: str, write: Any) -> None:
    data = read_table(write("a.json", content), owner="t", columns=("text", "label"))
    assert data.select_columns(["text", "label"]).to_list() == ROWS


def test_objects_over_several_lines_in_jsonl(write: Any) -> None:
    content = "\n".join(json.dumps(row, indent=2) for row in ROWS)
    data = read_table(write("a.jsonl", content), owner="t")
    assert data["text"][:] == ["t", "u", "v"]
    assert data["line"][:] == [1, 5, 9]


def test_one_row_of_lists_stays_one_row(write: Any) -> None:
    row = {"tokens": ["Ann", "ran"], "tags": ["B-PER", "O"]}
    for name in ("a.jsonl", "a.json"):
        assert read_table(write(name, json.dumps(row)), owner="t")["tokens"][:] == [["Ann", "ran"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": [1, 2], "b": [1]}', r"the lists by column differ in length: 'a' has 2, 'b' has 1"),
        ('{"a": [{"x": 1}], "b": [{"x": 1}]}', r"holds several lists of rows: 'a', 'b'"),
        ('{"columns": ["a"], "data": [[1, 2]]}', "the rows of 'data' are not as long as 'columns'"),
        ('{\n"a": 1\n}\n{\n"a" 2\n}', r"a\.json:4: is not valid JSON from here on \(item 2\)"),
    ],
)
def test_errors(content: str, message: str, write: Any) -> None:
    with pytest.raises(FtError, match=message):
        read_table(write("a.json", content), owner="t")


def test_items_in_one_line_are_numbered(write: Any, texts: Any) -> None:
    rows = [*ROWS, {"text": "w", "label": None}, {"text": None, "label": "a"}, 3]
    with pytest.raises(FtError) as caught:
        texts(write("a.json", json.dumps(rows)))
    said = str(caught.value)
    assert "a.json: item 4: has no label" in said
    assert "a.json: item 5: has no text" in said
    assert "a.json: item 6: is not an object" in said


def test_the_files_of_squad_have_a_row_for_each_question(tmp_path: Path) -> None:
    asked = {"id": "1", "question": "who?", "answers": [{"text": "Ann", "answer_start": 0}]}
    paragraph = {"context": "Ann saw Ulm.", "qas": [asked, {"question": "why?"}]}
    path = tmp_path / "dev.json"
    path.write_text(
        json.dumps({"version": "2", "data": [{"title": "t", "paragraphs": [paragraph]}]})
    )
    rows = read_table(path, owner="qa")
    assert rows["question"] == ["who?", "why?"]
    assert rows["context"] == ["Ann saw Ulm."] * 2
    assert rows["answers"] == [[{"text": "Ann", "answer_start": 0}], []]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"qas": [asked]}]}]}))
    with pytest.raises(DataError, match="is no file of SQuAD: a paragraph lacks 'context'"):
        read_table(path, owner="qa")
