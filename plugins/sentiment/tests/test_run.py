"""Whole runs: files in, a run folder out, and what it predicts."""

from __future__ import annotations

import csv
import json
import os
import random
import re
from pathlib import Path

import pytest
from transformers import pipeline

import ft
from ft_kit import tiny_bert

KEY = {"good": 5, "fair": 3, "bad": 1}
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    words = [*KEY, "soup", "film", "very", *(f"n{i}" for i in range(20))]
    return str(tiny_bert(tmp_path_factory.mktemp("model") / "bert", words, dropout=0.0))


@pytest.fixture
def write(tmp_path):
    """Write three splits whose text tells the label; gives the task's settings."""

    def make(label, *, ending="csv", pair=False, long=False, counts=(160, 40, 40), more=()):
        rng = random.Random(0)
        paths = {}
        for split, count in zip(SPLITS, counts, strict=True):
            rows = []
            for _ in range(count):
                word = rng.choice(["good", "bad"] if long else list(KEY))
                padding = " ".join(f"n{rng.randrange(20)}" for _ in range(20 if long else 3))
                row = {"text": f"{padding} {word}", "label": label(word)}
                if pair:
                    row |= {"text": padding, "reply": f"very {word}"}
                rows.append(row)
            rows += list(more) if split == "train" else []
            path = tmp_path / f"{split}.{ending}"
            with path.open("w", newline="") as stream:
                if ending == "csv":
                    writer = csv.DictWriter(stream, rows[0])
                    writer.writeheader()
                    writer.writerows(rows)
                else:
                    stream.writelines(json.dumps(row) + "\n" for row in rows)
            paths[split] = str(path)
        return paths

    return make


@pytest.fixture
def run(tmp_path, model):
    def call(task, name="run", **settings):
        defaults = {"epochs": 3, "batch_size": 8, "learning_rate": 5e-3, "precision": "fp32"}
        defaults |= {"report": False, "advice": False}
        return ft.run(
            ["sentiment"],
            output=tmp_path / name,
            model=model,
            sentiment=task,
            **defaults | settings,
        )

    return call


def test_a_run_from_file_to_prediction(write, run, tmp_path):
    result = run(write(str), report=True, advice=True)
    metrics = result.metrics["test"]
    assert metrics["accuracy"].value == 1
    assert result.metrics["validation"]["macro_f1"].value == 1
    tables = {
        table["title"]
        for table in json.loads((result.output / "predictions/test.tables.json").read_text())
    }
    assert tables == {"Classes", "Confusion matrix", "Calibration"}

    (good, bad) = ft.predict(result.output, ["n1 n2 n3 good", "n4 n5 n6 bad"])
    assert (good["label"], bad["label"]) == ("good", "bad")
    assert good["probability"] == good["scores"]["good"] > 0.9
    assert sum(good["scores"].values()) == pytest.approx(1)

    state = json.loads((result.output / "task.json").read_text())["plugins"]["sentiment"]
    assert state["temperature"] != 1
    (calibration,) = (table for table in result.tables if table.title == "Calibration")
    before, after = (row[2] for row in calibration.rows)
    assert before != after

    again = ft.evaluate(result.output, split="test").metrics["test"]
    for name, metric in metrics.items():
        assert again[name].value == pytest.approx(metric.value, abs=1e-6), name


LABELS = {
    "single": str,
    "ordinal": KEY.__getitem__,
    "multi": lambda word: {"good": ["nice", "warm"], "fair": ["warm"], "bad": []}[word],
}


@pytest.mark.parametrize("calibrate", [True, False])
@pytest.mark.parametrize("kind", LABELS)
def test_the_pipeline_says_the_same(write, run, kind, calibrate):
    """The temperature is in the saved weights."""
    result = run(
        write(LABELS[kind], ending="jsonl") | {"kind": kind, "calibrate": calibrate},
        learning_rate=2e-3,
    )
    state = json.loads((result.output / "task.json").read_text())["plugins"]["sentiment"]
    assert (state["temperature"] == 1) != calibrate
    assert state["folded"] == state["temperature"]
    classify = pipeline(
        "text-classification", str(result.output / "model"), top_k=None, device="cpu"
    )
    texts = [f"n{i} {word}" for i in range(4) for word in KEY]
    for ours, theirs in zip(ft.predict(result.output, texts), classify(texts), strict=True):
        assert ours["scores"] == pytest.approx({t["label"]: t["score"] for t in theirs}, abs=1e-5)
        if kind != "multi":
            assert ours["label"] == theirs[0]["label"]
            assert ours["probability"] == pytest.approx(theirs[0]["score"], abs=1e-5)


def test_scores_are_those_of_a_run_that_keeps_its_temperature_beside_the_weights(
    write, run, monkeypatch
):
    task = write(str)
    folded = run(task, learning_rate=2e-3)
    monkeypatch.setattr("ft_sentiment.plugin.fold", lambda *_: False)
    beside = run(task, name="beside", learning_rate=2e-3)
    assert any("uncalibrated probabilities" in note for note in beside.record["notes"])
    for name, metric in folded.metrics["test"].items():
        assert metric.value == pytest.approx(beside.metrics["test"][name].value, abs=1e-5), name
    assert folded.tables[-1].rows == beside.tables[-1].rows
    for one, other in zip(
        *(ft.predict(r.output, ["n1 bad"]) for r in (folded, beside)), strict=True
    ):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_several_labels_are_found_in_lists(write, run):
    task = write(
        lambda word: {"good": ["nice", "warm"], "fair": ["warm"], "bad": []}[word], ending="jsonl"
    )
    result = run(task)
    assert (
        "each example has any number of labels: sentiment.kind = 'multi'" in result.record["notes"]
    )
    assert result.metrics["test"]["subset_accuracy"].value > 0.9
    (item,) = ft.predict(result.output, ["n1 n2 n3 good"])
    assert item["label"] == ["nice", "warm"]
    assert set(item["scores"]) == {"nice", "warm"}


def test_several_labels_in_a_csv_file(write, run):
    task = write(lambda word: {"good": "nice|warm", "fair": "warm", "bad": "[]"}[word])
    result = run(task | {"kind": "multi", "focal_gamma": 2.0})
    assert result.metrics["test"]["micro_f1"].value > 0.9


def test_ratings(write, run):
    result = run(write(KEY.__getitem__) | {"kind": "ordinal", "class_weights": "balanced"})
    assert result.metrics["test"]["qwk"].value > 0.9
    (item,) = ft.predict(result.output, ["n1 n2 n3 fair"])
    assert item["label"] == "3"
    assert 2 < item["expected"] < 4


def test_integer_labels_are_classes_and_the_user_is_told(write, run):
    result = run(write(KEY.__getitem__), max_steps=2)
    assert any(
        "set sentiment.kind = 'ordinal' if they are ratings" in n for n in result.record["notes"]
    )


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_numbers_are_found_by_their_fractions(write, run, ending):
    result = run(write(lambda word: KEY[word] + 0.5, ending=ending))
    assert "each example has a number: sentiment.kind = 'number'" in result.record["notes"]
    assert result.metrics["test"]["mae"].value < 0.5
    assert result.metrics["test"]["spearman"].value > 0.8


def test_pairs(write, run):
    result = run(write(str, pair=True) | {"pair": "reply"})
    assert result.metrics["test"]["accuracy"].value == 1
    (item,) = ft.predict(result.output, [{"text": "n1 n2 n3", "reply": "very bad"}])
    assert item["label"] == "bad"


@pytest.mark.parametrize("how", ["head_tail", "windows", "truncate"])
def test_long_texts(write, run, how):
    """The word that tells stands at the end of 21: cut off, there is nothing to learn."""
    result = run(
        write(str, long=True) | {"long_texts": how, "window_overlap": 4},
        max_length=16,
        epochs=6,
        learning_rate=2e-3,
    )
    accuracy = result.metrics["test"]["accuracy"].value
    assert accuracy < 0.7 if how == "truncate" else accuracy > 0.8
    (long,) = [one for one in result.record["findings"] if one["code"] == "over-length"]
    assert long["message"].startswith("240 of 240 examples")
    (item,) = ft.predict(result.output, ["n1 " * 20 + "good"])
    assert set(item["scores"]) == {"good", "bad"}


def test_class_with_one_example_is_said(write, run):
    result = run(write(str, more=[{"text": "n1 soup", "label": "odd"}]), max_steps=1)
    (finding,) = [f for f in result.record["findings"] if f["code"] == "rare-label"]
    assert "'odd' (1)" in finding["message"]
    assert finding["places"][0].endswith("train.csv:162")


def test_a_class_is_not_held_out_of_train_altogether(write, run):
    odd = [{"text": f"n{i} soup", "label": f"odd{i}"} for i in range(60)]
    task = write(str, counts=(60, 1, 20), more=odd)
    del task["validation"]
    result = run(task, max_steps=1)
    (note,) = [note for note in result.record["notes"] if "held out" in note]
    assert "0 of 1 'odd" in note
    assert "1 of 1 'odd" not in note
    sizes = {split: result.record["data"][split]["examples"] for split in ("train", "validation")}
    assert sum(sizes.values()) == 120
    assert len(ft.predict(result.output, ["n1 soup"])[0]["scores"]) == 63
    again = ft.evaluate(result.output, split="validation").metrics["validation"]
    for name, metric in result.metrics["validation"].items():
        assert again[name].value == pytest.approx(metric.value, abs=1e-6), name


@pytest.mark.parametrize(
    ("row", "settings", "message"),
    [
        ({"text": " ", "label": "bad"}, {}, r"train\.csv:162: has nothing in text"),
        (
            {"text": "n1", "label": "five"},
            {"kind": "ordinal", "order": ["bad", "fair", "good"]},
            r"train\.csv:162: the rating 'five' is not in sentiment\.order",
        ),
        ({"text": "n1", "label": ""}, {}, r"train\.csv:162: has no label"),
        (
            {"text": "n1", "label": "bad"},
            {"columns": {"label": "stars"}},
            r"there is no column 'stars'",
        ),
        ({"text": "n1", "label": "bad"}, {"columns": {"lable": "stars"}}, r"did you mean 'label'"),
        (
            {"text": "n1", "label": "bad"},
            {"kind": "number"},
            r"has '(bad|good|fair)' for a label, no number",
        ),
        ({"text": "n1", "label": "bad"}, {"pair": "reply"}, r"there is no column 'reply'"),
    ],
)
def test_bad_rows_and_columns_are_named(write, run, row, settings, message):
    with pytest.raises(ft.UserError, match=message):
        run(write(str, more=[row]) | settings)


def test_rows_that_were_left_out_are_named_where_one_class_is_left(run, tmp_path):
    path = tmp_path / "prodigy.jsonl"
    row = '{"text": "n%d soup", "label": "GOOD", "_input_hash": %d, "answer": "%s"}\n'
    answers = ("accept", "reject", "ignore")
    path.write_text("".join(row % (i, i, answers[i % 3]) for i in range(30)))
    with pytest.raises(ft.DataError, match="every training example has the label 'GOOD'") as caught:
        run({"train": str(path)})
    assert re.search(r"10 of \S*prodigy\.jsonl with the answer 'reject'", caught.value.hint)


def test_label_only_in_the_test_split(write, run, tmp_path):
    task = write(str)
    with Path(task["test"]).open("a") as stream:
        stream.write("n1 soup,odd\n")
    with pytest.raises(
        ft.DataError, match=r"test\.csv:42: label 'odd' occurs in test but not in train"
    ):
        run(task)
    result = run(task | {"unseen_labels": "count"}, name="counted")
    assert result.metrics["test"]["accuracy"].value == pytest.approx(40 / 41)


def real_data() -> Path | None:
    beside = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
    folder = Path(os.environ.get("FT_TEST_DATA", beside))
    return folder if folder.is_dir() else None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("chnsenticorp_hotel", marks=pytest.mark.long),
        "financial_phrasebank",
        pytest.param("banking77", marks=pytest.mark.long),
        pytest.param("sst2", marks=pytest.mark.long),
    ],
)
def test_real_data_needs_no_change_of_code(run, tmp_path, name):
    folder = real_data()
    if folder is None:
        pytest.skip("the test data is not here (set FT_TEST_DATA)")
    task = {}
    for split, file in zip(SPLITS, ("train", "dev", "test"), strict=True):
        with (folder / name / f"{file}.csv").open(newline="", encoding="utf-8") as stream:
            header, *rows = csv.reader(stream)
        task[split] = str(tmp_path / f"{split}.csv")
        with Path(task[split]).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *rows[::6]])
    result = run(task, max_steps=3, max_length=32, lint="off")
    metrics = result.metrics["test"]
    assert {"accuracy", "macro_f1", "weighted_f1", "mcc", "ece"} <= set(metrics)
    binary = name in ("chnsenticorp_hotel", "sst2")
    assert ("auroc" in metrics) == binary
