"""The task alone and with techniques, its predictions, and what it says of bad data."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft

MARKED = "the <e1>rain</e1> caused the <e2>flood</e2> ."


def test_it_learns_the_direction(train: Callable[..., Any], write: Callable[..., str]) -> None:
    result = train(epochs=6, relations={"train": write("more", count=160)})
    score = result.metrics["test"]["f1"]
    assert score.value > 0.8
    assert score.low <= score.value <= score.high
    turned = ft.predict(result.output, [MARKED, "the <e2>rain</e2> caused the <e1>flood</e1> ."])
    assert turned[0]["label"] == "Cause-Effect(e1,e2)"
    assert turned[0]["scores"].keys() == turned[1]["scores"].keys()
    assert turned[0]["scores"] != turned[1]["scores"]


@pytest.mark.parametrize(
    "techniques",
    [["augment"], ["adversarial"], ["augment", "adversarial"], ["adversarial", "augment"]],
)
def test_with_techniques(train: Callable[..., Any], techniques: list[str]) -> None:
    settings: dict[str, Any] = {}
    if "augment" in techniques:  # torn marks must not end the run
        settings["augment"] = {"probability": 1.0, "combine": "all", "delete": 0.5, "swap": 0.5}
    if "adversarial" in techniques:
        settings["adversarial"] = {"start": 0.0}
    result = train(techniques, **settings)
    assert set(result.metrics) == {"validation", "test"}
    chain = result.record["chains"]["compute_loss" if "adversarial" in techniques else "encode"]
    assert chain.endswith(" )")


def test_what_is_known_is_read_in_every_form(
    train: Callable[..., Any], write: Callable[..., str]
) -> None:
    run = train(max_steps=1).output
    places = {
        "text": "the rain caused the flood .",
        "e1": {"start": 4, "end": 8},
        "e2": {"start": 20, "end": 25},
    }
    answers = ft.predict(run, [MARKED, {"text": MARKED}, places, {**places, "relation": "Other"}])
    for answer in answers[1:]:
        assert answer["scores"] == pytest.approx(answers[0]["scores"], abs=1e-5)
    again = ft.predict(run, Path(write("test", count=16)))
    before = [json.loads(line) for line in (run / "predictions" / "test.jsonl").open()]
    assert [one["label"] for one in again] == [one["label"] for one in before]


def test_the_other_settings_of_the_encoder_hold(train: Callable[..., Any]) -> None:
    result = train(freeze="encoder", layer_decay=0.5, max_steps=2)
    assert result.record["frozen_parameters"] > 0


def test_long_sentences_keep_both_entities(
    train: Callable[..., Any], write: Callable[..., str]
) -> None:
    far = "the " * 100 + "rain" + " the" * 100 + " flood" + " the" * 100
    row = {
        "text": far,
        "e1": {"start": 400, "end": 404},
        "e2": {"start": far.index("flood"), "end": far.index("flood") + 5},
        "relation": "Other",
    }
    result = train(max_steps=1, relations={"test": write("long", [row, row])})
    assert any("are cut; the entities stay" in note for note in result.record["notes"])


def test_marked_texts_need_no_places(train: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "marked.csv"
    path.write_text(f"text,relation\n{MARKED},Other\n" * 1 + f"{MARKED},Cause\n" * 9)
    result = train(
        max_steps=1, relations={"train": str(path), "validation": str(path), "test": None}
    )
    assert result.metrics["validation"]["accuracy"].value >= 0


BAD = [
    ({"e1": {"start": 4, "end": 400}}, "has e1 at 4 to 400"),
    ({"e1": {"text": "x", "start": 4, "end": 8}}, "at the place of e1, not 'x'"),
    ({"relation": None}, "has no relation"),
    ({"relation": " "}, "has no relation"),
    ({"text": None}, "has no text"),
    ({"e1": None}, "has neither the marks <e1> </e1> <e2> </e2> in its text nor e1 and e2"),
]


@pytest.mark.parametrize(("change", "says"), BAD)
def test_a_bad_row_is_named_with_its_line(
    train: Callable[..., Any], write: Callable[..., str], change: dict[str, Any], says: str
) -> None:
    good = [json.loads(line) for line in Path(write("train")).read_text().splitlines()]
    path = write("bad", [*good[:2], {**good[2], **change}, *good[3:]])
    with pytest.raises(ft.DataError) as caught:
        train(relations={"train": path})
    assert says in str(caught.value)
    assert "bad.jsonl:3" in str(caught.value)
    result = train(max_steps=1, relations={"train": path, "on_bad_row": "skip"})
    (bad,) = [json.loads(line) for line in (result.output / "bad_rows.jsonl").open()]
    assert (bad["file"], bad["line"]) == ("bad.jsonl", 3)
    assert says in bad["reason"]


def test_a_missing_column_is_named(train: Callable[..., Any], write: Callable[..., str]) -> None:
    path = write("bad", [{"text": MARKED, "label": "Other"}])
    with pytest.raises(ft.DataError, match="relation"):
        train(relations={"train": path})


def test_a_request_without_entities_is_refused(train: Callable[..., Any]) -> None:
    run = train(max_steps=1).output
    with pytest.raises(ft.DataError) as caught:
        ft.predict(run, [MARKED, "the rain caused the flood ."])
    assert "request 2: the sentence 'the rain caused the flood .' has neither the marks" in str(
        caught.value
    )
    assert "write <e1>...</e1> around the first entity" in str(caught.value)


def test_a_table_may_spell_places_and_call_their_columns_otherwise(
    train: Callable[..., Any], write: Callable[..., str], tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in Path(write("train")).read_text().splitlines()]
    with (tmp_path / "train.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["text", "head", "e2", "relation"])
        for row in rows:
            places = (json.dumps(row["e1"]), str(row["e2"]))
            table.writerow([row["text"], *places, row["relation"]])
    settings = {
        **dict.fromkeys(("train", "validation", "test"), str(tmp_path / "train.csv")),
        "columns": {"e1": "head"},
    }
    result = train(max_steps=1, relations=settings)
    assert result.record["data"]["train"]["examples"] == len(rows)


def test_an_empty_request_is_refused(train: Callable[..., Any]) -> None:
    run = train(max_steps=1).output
    with pytest.raises(ft.DataError, match="request 1: has nothing in text"):
        ft.predict(run, ["", MARKED])


def test_a_relation_that_train_lacks_is_said(
    train: Callable[..., Any], write: Callable[..., str]
) -> None:
    path = write("odd", [{"text": MARKED, "relation": "New(e1,e2)"}])
    result = train(max_steps=1, relations={"test": path})
    assert any(
        "New(e1,e2) occur in test and never in train" in note for note in result.record["notes"]
    )
