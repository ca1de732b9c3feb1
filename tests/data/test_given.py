"""Data that is given in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest

from ft import FtError
from ft.data.given import is_data, written

ROWS = [{"text": "t", "label": "x"}, {"text": "u", "label": "y"}]


@pytest.mark.parametrize(
    "given", [ROWS, pd.DataFrame(ROWS, index=[5, 7]), datasets.Dataset.from_list(ROWS)]
)
def test_rows(given: Any, texts: Any) -> None:
    assert is_data(given)
    path = written(given, "task.train")
    assert path == written(given, "task.train")
    assert Path(path).name.startswith("task.train-"), "messages name the file"
    data = texts(path)
    assert data.splits["train"].select_columns(["text", "label"]).to_list() == ROWS


def test_classes_of_a_data_set_keep_their_names(texts: Any) -> None:
    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["neg", "pos"])
    )
    given = datasets.Dataset.from_dict({"text": ["t", "u"], "label": [1, 0]}, features=features)
    assert texts(written(given, "t")).splits["train"]["label"][:] == ["pos", "neg"]


def test_what_is_missing_is_a_malformed_row(texts: Any) -> None:
    frame = pd.DataFrame({"text": ["t", None, "v"], "label": ["x", "y", np.nan]})
    rows = frame.to_dict("records")
    for given in (frame, rows):
        with pytest.raises(FtError) as caught:
            texts(written(given, "t"))
        assert "2: has no text" in str(caught.value)
        assert "3: has no label" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"text": b"t"}], r"task\.train: row 0 holds bytes in 'text', not a text"),
        ([{"text": "t"}, 3], r"task\.train: row 1 is int, not a mapping of columns"),
        ([{"text": {1}}], r"row 0 cannot be kept: set is nothing that JSON holds"),
        (pd.DataFrame({"text": [b"t"]}), r"row 0 holds bytes in 'text'"),
        (datasets.DatasetDict(), "a DatasetDict is not read"),
    ],
)
def test_errors(given: Any, message: str) -> None:
    with pytest.raises(FtError, match=message):
        written(given, "task.train")


def test_names_of_files_and_numbers_are_no_data() -> None:
    for given in ("a.csv", Path("a.csv"), ["a.csv", Path("b.csv")], [1, 4], None, 3, []):
        assert not is_data(given)
