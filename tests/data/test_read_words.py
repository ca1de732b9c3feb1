"""Words with tags out of tables: JSONL, CSV, Parquet."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ft import FtError

ROWS = [{"tokens": ["Ann", "runs"], "tags": ["B-PER", "O"]}, {"tokens": ["Bob"], "tags": ["B-PER"]}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", ROWS),
        ("a.csv", "tokens,tags\nAnn runs,B-PER O\nBob,B-PER\n"),
        ("a.csv", 'tokens,tags\n"[""Ann"", ""runs""]","[""B-PER"", ""O""]"\n"[""Bob""]",B-PER\n'),
    ],
)
def test_layouts(name: str, content: Any, write: Any, words: Any) -> None:
    data = words(write(name, content))
    assert data.splits["train"]["tokens"][:] == [["Ann", "runs"], ["Bob"]]
    assert data.splits["train"]["tags"][:] == [["B-PER", "O"], ["B-PER"]]


def test_parquet(tmp_path: Any, words: Any) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert words(tmp_path / "a.parquet").splits["train"]["tags"][:] == [["B-PER", "O"], ["B-PER"]]


def test_a_bracket_is_a_word(write: Any, words: Any) -> None:
    data = words(write("a.csv", "tokens,tags\n[ laughs ] yes,O O O O\n"))
    assert data.splits["train"]["tokens"][0] == ["[", "laughs", "]", "yes"]


@pytest.mark.parametrize(
    ("columns", "names", "said"),
    [
        ({}, ("words", "ner_tags"), ["tokens are read from the column 'words'", "'ner_tags'"]),
        ({"tokens": "w", "tags": "t"}, ("w", "t"), []),
        ({"tags": "t"}, ("tokens", "t"), []),
    ],
)
def test_names(columns: Any, names: Any, said: Any, write: Any, words: Any) -> None:
    rows = [{names[0]: row["tokens"], names[1]: row["tags"], "id": 3} for row in ROWS]
    data = words(write("a.jsonl", rows), columns=columns)
    assert data.splits["train"].column_names == ["tokens", "tags", "id", "line"]
    assert [any(part in note for note in data.notes) for part in said] == [True] * len(said)
    assert said or not any("read from the column" in note for note in data.notes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, {"tokens": ["a"], "tags": []}], r"a\.jsonl:3: has 1 tokens and 0 tags"),
        ([*ROWS, {"tokens": None, "tags": []}], r"a\.jsonl:3: has no tokens"),
        ([*ROWS, {"tokens": ["a"], "tags": None}], r"a\.jsonl:3: has no tags"),
        (
            [*ROWS, {"tokens": ["a", None], "tags": ["O", "O"]}],
            r"a\.jsonl:3: has tokens that are no",
        ),
        ([*ROWS, {"tokens": ["a", "b"], "tags": ["O", ""]}], r":3: has no tag for word 2, 'b'"),
        (
            [{"tokens": ["a"], "tags": [0]}],
            r"the tags are numbers, 0 to 0: ids without names\n.*ner\.label_names = \['O',",
        ),
        ([{"tokens": 3, "tags": ["O"]}], r"the column 'tokens' holds int64, not lists of texts"),
        (
            [{"tokens": ["a"], "tages": ["O"]}],
            r"there is no column 'tags'; .*\n.*if 'tages' is meant",
        ),
        ([{"tokens": ["a"]}], r"there is no column 'tags'; the columns are 'tokens'"),
        ([{"text": "a"}], r"there is no column 'entities'; the columns are 'text'"),
        ([{"a": "b"}], r"there is no column 'tokens'; the columns are 'a'"),
    ],
)
def test_errors(rows: Any, message: str, write: Any, words: Any) -> None:
    with pytest.raises(FtError, match=message):
        words(write("a.jsonl", rows))


def test_lists_of_python(write: Any, words: Any) -> None:
    path = write("a.csv", "tokens,tags\n\"['Ann', 'runs']\",\"['B-X', 'O']\"\n")
    assert words(path).splits["train"]["tokens"][:] == [["Ann", "runs"]]
    path = write("b.csv", "tokens,tags\n\"['Ann' 'runs']\",\"['O' 'O']\"\n")
    with pytest.raises(FtError, match=r"b\.csv:2: has tokens that are neither a list of JSON or"):
        words(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"token": "x"},
            r"ner\.columns\.token: there is no column 'token' to .*\n.*mean 'tokens'\?",
        ),
        ({"tokens": "x", "tags": "x"}, r"ner\.columns\.tokens: the column 'x' is named twice"),
        (
            {"tags": "tag"},
            r"there is no column 'tag'; .*\n.*if 'tags' is meant, set ner\.columns = ",
        ),
    ],
)
def test_bad_names(columns: Any, message: str, write: Any, words: Any) -> None:
    with pytest.raises(FtError, match=message):
        words(write("a.jsonl", ROWS), columns=columns)


def test_an_impossible_tag_names_the_row(write: Any, words: Any) -> None:
    rows = [*ROWS, {"tokens": ["a", "b"], "tags": ["O", "I-PER"]}]
    with pytest.raises(
        FtError, match=r"a\.jsonl:3: 'I-PER' cannot follow 'O' in BIO2 \(word 2, 'b'\)"
    ):
        words(write("a.jsonl", rows))


def test_a_column_of_a_reserved_name_is_kept(write: Any, words: Any) -> None:
    rows = [{**row, "line": "poem", "example_id": 5} for row in ROWS]
    data = words(write("a.jsonl", rows))
    assert data.splits["train"][0]["line_"] == "poem"
    assert data.splits["train"][0]["example_id_"] == 5
    assert data.splits["train"][1]["line"] == 2


def test_reserved_names_may_be_mapped(write: Any, words: Any) -> None:
    rows = [{"line": row["tokens"], "file": row["tags"]} for row in ROWS]
    data = words(write("a.jsonl", rows), columns={"tokens": "line", "tags": "file"})
    assert data.splits["train"].column_names == ["tokens", "tags", "line"]


def test_sentences_without_words_are_kept(write: Any, words: Any) -> None:
    data = words(write("a.jsonl", [*ROWS, {"tokens": [], "tags": []}, *ROWS]))
    assert data.splits["train"].num_rows == 5
    assert data.splits["train"]["tags"][2] == []
