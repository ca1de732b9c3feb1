"""``ft compare OLD NEW --data``: two runs on the same labelled examples."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from sklearn.metrics import f1_score

import ft
from ft import Label, Predictions, Schema, Text, Words
from ft.cli.main import main
from ft_kit import WORDS, tiny_bert
from ft_study.compare.items import by_class, flips
from ft_study.compare.slices import slices

Said = pytest.CaptureFixture[str]

WORDS_OF = {"good": ("fine", "lovely"), "bad": ("poor", "awful"), "odd": ("weird", "strange")}


def write(path: Path, labels: tuple[str, ...], count: int) -> Path:
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("text", "label", "shop", "stars"))
        for i in range(count):
            label = labels[i % len(labels)]
            text = f"a {WORDS_OF[label][i // 3 % 2]} chair {i % 7}"
            rows.writerow((text, label, ("Ulm", "Bonn")[i % 2], i))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, of which the newer one knows a class more, and files to compare them on."""
    folder = tmp_path_factory.mktemp("on_data")
    model = tiny_bert(folder / "tiny")
    shared: dict[str, Any] = {"model": model, "report": False, "advice": False, "max_steps": 2}
    for name, labels in (("old", ("good", "bad")), ("new", ("good", "bad", "odd"))):
        files = {
            "train": str(write(folder / f"{name}.csv", labels, 24)),
            "validation": str(write(folder / f"{name}-dev.csv", labels, 6)),
            "test": str(write(folder / f"{name}-test.csv", labels, 12)),
        }
        ft.run(["sentiment"], sentiment=files, output=folder / name, **shared)
    ft.run([WORDS], output=folder / "words", **shared)
    write(folder / "all.csv", ("good", "bad", "odd"), 30)
    return folder


def compared(folder: Path, capsys: Said, *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    given = [str(folder / "old"), str(folder / "new"), *map(str, arguments)]
    assert main(["compare", *given]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_two_runs_on_a_file_that_neither_was_tested_on(folder: Path, capsys: Said) -> None:
    answers = {
        name: [one["label"] for one in ft.predict(folder / name, folder / "all.csv")]
        for name in ("old", "new")
    }
    gold = [("good", "bad", "odd")[i % 3] for i in range(30)]
    right = {
        name: [a == b for a, b in zip(found, gold, strict=True)] for name, found in answers.items()
    }
    told = json.loads(
        compared(folder, capsys, "--data", folder / "all.csv", "--by", "shop", "--json")
    )
    (found,) = told["data"]
    assert found["examples"] == 30
    assert found["main"] == "macro_f1"
    scores = {one["metric"]: one for one in found["metrics"]}
    accuracy = scores["accuracy"]
    assert accuracy["old"] == pytest.approx(sum(right["old"]) / 30)
    assert accuracy["new"] == pytest.approx(sum(right["new"]) / 30)
    assert accuracy["difference"] == pytest.approx(accuracy["new"] - accuracy["old"])
    assert found["unknown"] == {"old": {"odd": 10}, "new": {}}
    assert {one["class"]: one["gold"] for one in found["classes"]} == {
        "bad": 10,
        "good": 10,
        "odd": 10,
    }
    assert next(one for one in found["classes"] if one["class"] == "odd")["old"] == 0
    assert {one["value"]: one["examples"] for one in found["slices"]} == {"Ulm": 15, "Bonn": 15}
    lost = [one["place"] for one in found["flips"]["right_to_wrong"]]
    expected = [i for i in range(30) if right["old"][i] and not right["new"][i]]
    assert lost == [f"{folder / 'all.csv'}:{i + 2}" for i in expected]
    won = sum(b and not a for a, b in zip(right["old"], right["new"], strict=True))
    assert len(found["flips"]["wrong_to_right"]) == won


def test_macro_f1_is_over_the_classes_of_the_examples(folder: Path, capsys: Said) -> None:
    """One answer of a class that no example has is wrong, and no class of its own with an F1 of 0."""
    write(folder / "two.csv", ("good", "bad"), 40)
    answers = {
        name: [one["label"] for one in ft.predict(folder / name, folder / "two.csv")]
        for name in ("old", "new")
    }
    assert "odd" in answers["new"]
    gold = ["good", "bad"] * 20
    (found,) = json.loads(compared(folder, capsys, "--data", folder / "two.csv", "--json"))["data"]
    macro = next(one for one in found["metrics"] if one["metric"] == "macro_f1")
    for name, said in answers.items():
        expected = f1_score(gold, said, labels=["bad", "good"], average="macro")
        assert macro[name] == pytest.approx(expected), name
    assert macro["low"] <= macro["difference"] <= macro["high"]


def test_a_split_of_one_of_the_runs_stands_for_a_file(
    folder: Path, capsys: Said, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    text = compared(
        folder, capsys, "--data", "old:test", "--data", "new:validation", "--html", page
    )
    assert "old:test: 12 examples" in text
    assert "new:validation: 6 examples" in text
    assert "old does not know 'odd' (2)" in text
    assert "F1 of new less old by class" in page.read_text()


def test_texts_stay_out_where_they_may_not_be_shown(folder: Path, capsys: Said) -> None:
    for more in ((), ("--json",)):
        given = ("--data", folder / "all.csv", *more)
        assert "chair" in compared(folder, capsys, *given)
        assert "chair" not in compared(folder, capsys, *given, "--no-texts")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "all.csv", "--by", "shpo"), "no column 'shpo'"),
        (("--data", "nowhere.csv"), "nowhere.csv does not exist"),
        (("--data", "old:pool"), "has no split 'pool'"),
        (("--data", "all.csv", "--metric", "f1"), "--data compares all metrics"),
        (("--by", "shop"), "give --data"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    folder: Path,
    capsys: Said,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(folder)
    assert said in compared(folder, capsys, *arguments, code=2)


def test_runs_of_different_tasks_are_refused(folder: Path, capsys: Said) -> None:
    given = [str(folder / "old"), str(folder / "words"), "--data", str(folder / "all.csv")]
    assert main(["compare", *given]) == 2
    error = capsys.readouterr().err
    assert "different tasks" in error
    assert "'label' (single) for text" in error
    assert "'tags' (spans) for tokens" in error


def predictions(schema: Schema, rows: list[dict[str, Any]], items: list[Any]) -> Predictions:
    return Predictions("test", Dataset.from_list(rows), items, schema)


def test_entities_are_counted_by_type_and_an_example_flips_as_a_whole() -> None:
    schema = Schema(words=Words(labels=("O", "B-PER", "I-PER", "B-ORG")))
    rows = [
        {"tokens": ["a", "b", "c"], "tags": ["B-PER", "I-PER", "O"]},
        {"tokens": ["d", "e"], "tags": ["B-ORG", "B-PER"]},
    ]
    old = predictions(schema, rows, [{"tags": one["tags"]} for one in rows])
    new = predictions(schema, rows, [{"tags": ["B-PER", "O", "O"]}, {"tags": ["B-ORG", "B-PER"]}])
    org, per = by_class(old, new, schema)
    assert (org.name, org.gold, org.old, org.new) == ("ORG", 1, 1.0, 1.0)
    assert (per.name, per.gold, per.old, per.new) == ("PER", 2, 1.0, 0.5)
    (flip,) = flips(old, new, schema) or ()
    assert flip.row == 0
    assert flip.lost


def test_numbers_are_neither_right_nor_wrong() -> None:
    schema = Schema(texts=(Text("text"),), label=Label("label", (), "number"))
    one = predictions(schema, [{"text": "a", "label": 1.0}], [{"label": 1.0}])
    assert flips(one, one, schema) is None
    assert by_class(one, one, schema) == []


def test_many_numbers_are_cut_into_quarters_and_rare_values_stand_together() -> None:
    rows = Dataset.from_dict(
        {"n": list(range(100)), "s": [str(i) for i in range(100)], "f": [None, 1.5] * 50}
    )
    quarters = slices(rows, "n")
    assert [len(one) for one in quarters.values()] == [25] * 4
    assert sorted(i for one in quarters.values() for i in one) == list(range(100))
    assert len(slices(rows, "s")) == 20
    assert len(slices(rows, "s")["(others)"]) == 81
    assert {name: len(one) for name, one in slices(rows, "f").items()} == {"(none)": 50, "1.5": 50}
