"""Unlabelled texts and sentences as a pool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from ft import FtError, Label, Schema, TaskData, Text, Words, read_pool

TEXTS = Schema(texts=(Text("text"),), label=Label("label", ("no", "yes")))
PAIR = Schema(texts=(Text("one"), Text("two")), label=Label("label", ("no", "yes")))
WORDS = Schema(words=Words(labels=("O", "B-LOC"), splitter="whitespace"))


def pool(tmp_path: Path, schema: Schema, name: str, content: str) -> dict[str, list[Any]]:
    path = tmp_path / name
    path.write_text(content)
    data = TaskData(DatasetDict(train=Dataset.from_dict({"text": ["a"]})), schema)
    made = read_pool(path, data, owner="mine")
    assert made.splits["train"] is data.splits["train"]
    assert made.place("pool", 0) == f"{path}:{made.splits['pool'][0]['line']}"
    return dict(made.splits["pool"].to_dict())


def test_a_text_a_line(tmp_path: Path) -> None:
    found = pool(tmp_path, TEXTS, "a.txt", "one text\r\n\n  \nanother\n")
    assert found["text"] == ["one text", "another"]
    assert found["line"] == [1, 4]
    found = pool(tmp_path, WORDS, "a.txt", "I'm in Ulm.\n")
    assert found["tokens"] == [["I'm", "in", "Ulm."]]  # by the rule of the schema


def test_gold_answers_are_put_aside(tmp_path: Path) -> None:
    found = pool(tmp_path, TEXTS, "a.csv", "text,label\none,yes\ntwo,no\n")
    assert found["known_label"] == ["yes", "no"]
    assert "label" not in found
    rows = [
        {"tokens": ["in", "Ulm"], "tags": ["O", "B-LOC"]},
        {"tokens": ["by", "train"], "tags": ["O", "O"]},
    ]
    found = pool(tmp_path, WORDS, "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert found["tokens"] == [["in", "Ulm"], ["by", "train"]]
    assert found["known_tags"] == [["O", "B-LOC"], ["O", "O"]]
    found = pool(tmp_path, WORDS, "a.csv", "tokens,tags\nby train,O O\n")
    assert found["known_tags"] == [["O", "O"]]


@pytest.mark.parametrize(
    ("schema", "name", "content", "said"),
    [
        (TEXTS, "a.txt", " \n\n", "holds no example"),
        (TEXTS, "a.jsonl", '{"text": "a"}\n{"text": " "}\n', "a.jsonl:2: has nothing in text"),
        (TEXTS, "a.csv", "words\na\n", "text"),
        (WORDS, "a.csv", "label\nb\n", "has neither tokens nor text"),
        (PAIR, "a.txt", "a\n", "an example of this task has 2"),
        (Schema(numbers=("n",)), "a.txt", "a\n", "neither words nor texts"),
        (TEXTS, "a.xlsx", "a", "a.xlsx"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, schema: Schema, name: str, content: str, said: str
) -> None:
    with pytest.raises(FtError) as caught:
        pool(tmp_path, schema, name, content)
    assert said in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    data = TaskData(DatasetDict(train=Dataset.from_dict({"text": ["a"]})), TEXTS)
    with pytest.raises(FtError, match="is not in UTF-8"):
        read_pool(tmp_path / "a.txt", data, owner="mine")
    with pytest.raises(FtError, match=r"b\.txt"):
        read_pool(tmp_path / "b.txt", data, owner="mine")
