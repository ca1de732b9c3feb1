"""Mistakes of different kinds are told together, not one after the other is mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft import FtError
from ft.contract.settings import DataConfig
from ft.data.read_tables import read_split_tables


def told(read: Callable[..., Any], *given: Any, **settings: Any) -> list[str]:
    """The errors, without the folder of the files and without what to do."""
    with pytest.raises(FtError) as caught:
        read(*given, **settings)
    errors: list[FtError] = getattr(caught.value, "errors", [caught.value])
    return [f"{Path(str(one.where)).name}: {one.what}" for one in errors]


def test_malformed_rows_and_impossible_tags(write: Any, words: Any) -> None:
    train = write("train.conll", "Ann\tB-PER\n\nlonely\n\nBob\tI-PER\n\n")
    test = write("test.conll", "Oslo\tB-LOC\nis\n\n" + "far\tO\n\n" * 3)
    assert told(words, train, validation=train, test=test) == [
        "train.conll:3: has 1 column, the rows of this file have 2",
        "test.conll:2: has 1 column, the rows of this file have 2",
        "train.conll:5: 'I-PER' cannot begin a sentence in BIO2 (word 1, 'Bob')",
    ]


def test_a_missing_file_a_missing_column_and_malformed_rows(write: Any, texts: Any) -> None:
    dev = write("dev.csv", "text,lable\na,x\n")
    test = write("test.csv", "text,label\na,x\nb\n")
    found = told(texts, "trian.csv", validation=dev, test=test)
    assert found == [
        "task.train: trian.csv does not exist",
        "dev.csv: there is no column 'label'; the columns are 'text', 'lable'",
        "test.csv:3: has 1 field, the header names 2",
    ]


def test_all_columns_that_are_missing(write: Any, texts: Any, words: Any) -> None:
    path = write("a.csv", "x,y\na,b\n")
    assert [line.partition(";")[0] for line in told(texts, path)] == [
        "a.csv: there is no column 'text'",
        "a.csv: there is no column 'label'",
    ]
    assert [line.partition(";")[0] for line in told(words, path)] == [
        "a.csv: there is no column 'tokens'",
        "a.csv: there is no column 'tags'",
    ]
    config = DataConfig(train=str(path))
    found = told(read_split_tables, config, owner="t", columns=["q", "y", "answer"])
    assert [line.partition(";")[0] for line in found] == [
        "a.csv: there is no column 'q'",
        "a.csv: there is no column 'answer'",
    ]


def test_what_ends_the_reading_does_not_hide_what_was_before(write: Any, texts: Any) -> None:
    rows = "".join(f"text {i},x\n" for i in range(5))
    path = write("a.csv", f'text,label\n{rows}one\n"never closed,x\nb,y\n')
    assert told(texts, path) == [
        "a.csv:7: has 1 field, the header names 2",
        "a.csv:8: a quoted field in the row that begins here is never closed",
    ]
    listed = write("a.json", '[{"text": "a", "label": "x"},\n3,\n{"text": oops}]')
    assert told(texts, listed)[:1] == ["a.json:2: is not an object, {...}"]
    assert "is not valid JSON from here on" in told(texts, listed)[1]


def test_rows_are_told_in_the_order_of_the_lines(write: Any, texts: Any) -> None:
    """A JSONL file is read twice: what is no JSON is found first, what lacks a label later."""
    rows = '{"text": "a", "label": "x"}\n{"text": "b"}\noops\n{"label": null}\n'
    found = told(texts, write("a.jsonl", rows + '{"text": "c", "label": "y"}\n' * 3))
    assert [line.split(": ")[0] for line in found] == ["a.jsonl:2", "a.jsonl:3", "a.jsonl:4"]
    assert found[2] == "a.jsonl:4: has no label and no text"


def test_every_split_without_examples(write: Any, texts: Any) -> None:
    train = write("train.csv", "text,label\na,x\nb,y\n")
    dev, test = (write(name, "text,label\n") for name in ("dev.csv", "test.csv"))
    assert told(texts, train, validation=dev, test=test) == [
        "dev.csv: has no examples for the validation split",
        "test.csv: has no examples for the test split",
    ]


def test_there_are_not_too_many(write: Any, words: Any) -> None:
    bad = write("bad.conll", "a\tO\n\n" * 60 + "lonely\n\n" * 50)
    wrong = write("wrong.conll", "a\tB-X\nb\tI-Y\n\n" * 50)
    found = told(words, bad, validation=bad, test=wrong)
    assert len(found) == 42
    assert found[20].endswith("and 30 more malformed rows")
    assert found[41].endswith("more impossible tags")


def test_nothing_is_set_aside_where_the_data_is_refused(write: Any, texts: Any, run: Any) -> None:
    path = write("a.csv", "text,label\na,x\nb,y\none\n")
    told(texts, path, run, test="none.csv", on_bad_row="skip")
    assert not run.output.exists()
