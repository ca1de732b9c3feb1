"""Rows into pairs and lists; what is refused, and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ft
from ft import TaskData
from ft_rerank import Rerank, RerankConfig

Load = Callable[..., tuple[TaskData, list[str]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load data alone: ``data, notes = load(train=[...], test=[...])``."""

    def read(*, settings: dict[str, Any] | None = None, **splits: Any) -> Any:
        files = {}
        for split, values in splits.items():
            path = tmp_path / f"{split}.jsonl"
            path.write_text("".join(json.dumps(value) + "\n" for value in values))
            files[split] = str(path)
        plugin = Rerank(RerankConfig(**files, **(settings or {})))
        plugin.seed("rerank", 0)
        run: Any = SimpleNamespace(
            output=tmp_path / "run",
            restored=False,
            data=None,
            wanted=None,
            note=lambda text: None,
        )
        data = plugin.load_data(run)
        return data, data.notes

    return read


def clicks(queries: int, begin: int = 0) -> list[dict[str, Any]]:
    return [
        {"query": f"q{k}", "text": f"t{k}{n}", "grade": 1}
        for k in range(begin, begin + queries)
        for n in "ab"
    ]


GRADED = [
    {"query": "q", "text": "a", "grade": 0},
    {"query": "p", "text": "b", "grade": 3},
    {"query": "q", "text": "c", "grade": 1.5},
    {"query": "p", "text": "d", "grade": 0},
]


def test_training_has_a_row_a_pair_with_its_grade(load: Load) -> None:
    data, notes = load(train=GRADED, validation=GRADED)
    train = data.splits["train"]
    assert list(zip(train["query"], train["text"], train["grade"], strict=True)) == [
        ("q", "a", 0.0),
        ("p", "b", 3.0),
        ("q", "c", 1.5),
        ("p", "d", 0.0),
    ]
    assert data.schema.extra["highest_grade"] == 3
    assert not [note for note in notes if "other queries" in note]


def test_a_query_is_one_list_wherever_its_rows_stand(load: Load) -> None:
    data, _ = load(train=GRADED, test=GRADED)
    test = data.splits["test"]
    assert test["query"] == ["q", "p"]
    assert test["candidates"] == [["a", "c"], ["b", "d"]]
    assert test["grades"] == [[0, 1.5], [3, 0]]
    assert test["ids"] == [["1", "2"], ["1", "2"]]
    assert test["text"] == ["c", "b"]
    assert data.place("test", 1).endswith("test.jsonl:2")


def test_clicks_alone_get_texts_of_other_queries(load: Load) -> None:
    data, notes = load(
        train=clicks(10),
        validation=GRADED,
        test=clicks(10, 20),
        settings={"negatives": 3, "candidates": 5},
    )
    train = data.splits["train"]
    assert len(train) == 20 + 30
    own = {row["query"]: {f"t{row['query'][1:]}{n}" for n in "ab"} for row in train}
    for row in train:
        assert (row["text"] in own[row["query"]]) == bool(row["grade"])
    for row in data.splits["test"]:
        assert len(set(row["candidates"])) == len(set(row["ids"])) == 7
        assert row["grades"] == [1, 1, 0, 0, 0, 0, 0]
    assert any("30 texts of other queries train" in note for note in notes)
    assert any("10 test queries have relevant candidates alone" in note for note in notes)
    again, _ = load(train=clicks(10), validation=GRADED, settings={"negatives": 3})
    assert again.splits["train"]["text"] == train["text"]


def test_a_query_without_a_relevant_candidate_is_said_and_not_scored(load: Load) -> None:
    test = [*GRADED, {"query": "x", "text": "y", "grade": 0}]
    data, notes = load(train=GRADED, test=test)
    assert data.splits["test"]["query"] == ["q", "p"]
    assert any("1 test queries have no relevant candidate" in note for note in notes)
    with pytest.raises(ft.DataError, match="no query of the test split"):
        load(train=GRADED, test=test[-1:])


def test_held_out_validation_shares_no_query_with_training(load: Load) -> None:
    data, _ = load(train=[*clicks(60), *GRADED])
    held = set(data.splits["validation"]["query"])
    assert held
    assert not held & set(data.splits["train"]["query"])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"query": "q", "text": "a", "grade": "good"}, "'good' for a grade"),
        ({"query": "q", "text": "a", "grade": None}, "None for a grade"),
        ({"query": "q", "text": "a", "grade": -1}, "below 0"),
        ({"query": "q", "text": "a", "grade": float("nan")}, "the grade nan, which is no number"),
        ({"query": "q", "text": "a", "grade": 5000}, "above 1,000: nDCG counts a grade as 2"),
        ({"query": "\u200b", "text": "a", "grade": 1}, "a query"),
        ({"query": "q", "text": "\u200b", "grade": 1}, "a text"),
        ({"query": " ", "text": "a", "grade": 1}, "a query"),
        ({"query": "q", "text": "", "grade": 1}, "has no text"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_line(
    load: Load, row: dict[str, Any], why: str
) -> None:
    text = isinstance(row["grade"], str)
    given = [{**one, "grade": str(one["grade"]) if text else one["grade"]} for one in GRADED[:3]]
    with pytest.raises((ft.DataError, ft.Problems), match=why) as error:
        load(train=[*given, row])
    assert "train.jsonl:4" in str(error.value)


def test_ids_name_candidates_and_must_differ(load: Load) -> None:
    named = [{**row, "id": f"n{k}"} for k, row in enumerate(GRADED)]
    data, _ = load(train=named, test=named)
    assert data.splits["test"]["ids"] == [["n0", "n2"], ["n1", "n3"]]
    with pytest.raises(ft.DataError, match=r"two candidates with the id 'n0', the first at .*:1"):
        load(train=named, test=[named[0], {**named[2], "id": "n0"}])
    unnamed = [named[0], {**named[1], "id": None}, {**named[2], "id": None}, named[3]]
    data, _ = load(train=named, test=unnamed)
    assert data.splits["test"]["ids"] == [["n0", "2"], ["1", "n3"]]


def test_training_without_a_relevant_candidate_is_refused(load: Load) -> None:
    with pytest.raises(ft.DataError, match="no candidate of the train split has a grade above 0"):
        load(train=[{**row, "grade": 0} for row in GRADED], validation=GRADED)


def test_clicks_may_be_true_and_false(load: Load) -> None:
    clicked = [{**row, "grade": bool(row["grade"])} for row in GRADED]
    data, _ = load(train=clicked, validation=clicked, test=clicked)
    assert data.splits["train"]["grade"] == [0, 1, 1, 0]
    assert data.splits["test"]["grades"] == [[0, 1], [1, 0]]


def test_columns_of_a_csv_file_by_their_own_names(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("q,passage,label,nr\nred,a,1,A\nred,b,0,B\nblue,c, 2 ,A\nblue,d,0.0,B\n")
    columns = {"query": "q", "text": "passage", "grade": "label", "id": "nr"}
    files = {"train": str(file), "validation": str(file)}
    plugin = Rerank(RerankConfig(**files, columns=columns))
    plugin.seed("rerank", 0)
    run: Any = SimpleNamespace(
        output=tmp_path, restored=False, data=None, wanted=None, note=lambda text: None
    )
    data = plugin.load_data(run)
    assert data.splits["train"]["grade"] == [1, 0, 2, 0]
    assert data.splits["validation"]["ids"] == [["A", "B"]] * 2
