"""A schema says what is to be predicted, comes back from JSON, and changes without losing a target."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from ft import Label, Schema, Target, TaskData, Text, Words

TAGGED = Words(labels=("O", "B-x"), weight=2.0)
TOPIC = Label("topic", ("a", "b"))


def test_targets_stand_in_order_of_words_label_and_the_others() -> None:
    schema = Schema(
        words=TAGGED, label=Label(names=("no", "yes")), targets=[Target("summary"), TOPIC]
    )
    assert schema.gold == ("tags", "label", "summary", "topic")
    assert [target.kind for target in schema.targets] == ["tags", "single", "text", "single"]
    assert schema.targets[0] == Target("tags", ("O", "B-x"), "tags", 2.0)
    assert schema.label == Label(names=("no", "yes"))
    assert set(schema.columns()) == {"tokens", "tags", "label", "summary", "topic"}


def test_the_first_label_among_the_targets_is_the_label() -> None:
    schema = Schema(texts=(Text("text"),), targets=(Target("summary"), TOPIC))
    assert schema.label == TOPIC
    assert Schema(texts=(Text("text"),), targets=(Target("summary"),)).label is None


def test_a_schema_comes_back_from_json() -> None:
    schema = Schema(
        words=TAGGED,
        texts=(Text("text", editable=False),),
        targets=(Target("answers", ("x",), "spans", 0.5), Label("stars", ("1", "2"), "ordinal")),
        images=("photo",),
        group="user",
        numbers=("age",),
        categories=("town",),
        extra={"depth": [1, 2]},
    )
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_changed_schema_keeps_its_other_targets() -> None:
    schema = Schema(words=TAGGED, label=Label(), targets=(TOPIC,))
    other = replace(schema.with_label(Label("c")), words=Words("words", "pos", ("N",), None))
    assert other.targets == (Target("pos", ("N",), "tags"), Label("c"), TOPIC)
    assert replace(schema, words=None).gold == ("tags", "label", "topic")
    assert replace(schema, words=None, targets=(TOPIC,)).gold == ("topic",)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Target("a", kind="span"), "'a' is of the kind 'span'; the kinds are tags, single"),  # type: ignore[arg-type]
        (lambda: Label("a", kind="text"), "'a' is of the kind 'text', not one of single"),
        (lambda: Target("a", weight=0.0), "the weight of the target 'a' is 0.0"),
        (lambda: Target("a", weight=float("nan")), "the weight of the target 'a' is nan"),
        (lambda: Schema(targets=(Target("a"), Label("a"))), "two targets .* have the column 'a'"),
    ],
)
def test_what_no_schema_can_mean_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()  # type: ignore[operator]


def test_rows_behind_a_split_keep_the_file_and_line_that_they_come_from() -> None:
    def rows(**columns: list[object]) -> Dataset:
        return Dataset.from_dict(columns)

    own = rows(text=["a", "b"], label=["x", "y"], line=[1, 2])
    data = TaskData(DatasetDict(train=own), Schema(), {"train": [Path("own.csv")]})
    more = rows(text=["c", "d"], line=[7, 8], file=[0, 1])
    whole = data.with_rows("train", more, [Path("c.csv"), Path("d.csv")])
    places = [whole.place("train", row) for row in range(4)]
    assert places == ["own.csv:1", "own.csv:2", "c.csv:7", "d.csv:8"]
    assert whole.splits["train"]["label"] == ["x", "y", None, None]
    pool = whole.with_rows("pool", more, [Path("c.csv"), Path("d.csv")])
    assert pool.place("pool", 1) == "d.csv:8"
    assert "pool" not in whole.splits
    assert data.files == {"train": [Path("own.csv")]}
