"""``ft refresh`` from end to end, on a tiny model."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import ft
from ft.cli.main import main
from ft_refresh.go_on import Older, Wish, settings
from ft_refresh.report import not_learned

Said = pytest.CaptureFixture[str]


def refreshed(capsys: Said, *arguments: object, codes: tuple[int, ...] = (0, 3)) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["refresh", *map(str, arguments), "--json"]) in codes
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: Said, *arguments: object) -> str:
    capsys.readouterr()
    assert main(["refresh", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def head(run: Path) -> dict[str, torch.Tensor]:
    weights = load_file(run / "model" / "model.safetensors")
    return {name: weights[name] for name in ("classifier.weight", "classifier.bias")}


@pytest.fixture(scope="module")
def second(folder: Path) -> Path:
    """A refresh of the first run in all ways at once, whose report the tests look at."""
    output = folder / "second"
    new, test = folder / "new.jsonl", folder / "new-test.jsonl"
    given = [str(folder / "first"), "--train", str(new), "--test", str(test)]
    given += ["--keep", "replay,l2sp,lwf,wise", "-o", "wise.points=2", "--epochs", "2"]
    assert main(["refresh", *given, "--output", str(output), "--quiet"]) in (0, 3)
    return output


def test_the_report_has_old_and_new_data_by_class_and_a_verdict(second: Path) -> None:
    told = json.loads((second / "regression.json").read_text())
    assert told["verdict"] in ("ship", "do not ship")
    old, new = told["data"]
    assert (old["data"], old["examples"], new["examples"]) == ("old:test", 20, 12)
    assert [one["class"] for one in old["classes"]] == ["bad", "good"]
    assert new["unknown"] == {"old": {"odd": 4}, "new": {}}
    assert "Regression report" in (second / "regression.html").read_text()


def test_the_report_says_which_new_classes_were_not_learned(second: Path) -> None:
    told = json.loads((second / "regression.json").read_text())
    odd = next(one for one in told["data"][1]["classes"] if one["class"] == "odd")
    said = [one for one in told["notes"] if "not learned yet" in one]
    assert bool(said) == (odd["new"] == 0)
    found = [
        {"data": "new", "classes": [{"class": name, "gold": 4, "new": f1}], "unknown": unknown}
        for name, f1, unknown in (
            ("odd", 0.0, {"old": {"odd": 4}, "new": {}}),
            ("bad", 0.0, {"old": {}, "new": {}}),
            ("odd", 0.5, {"old": {"odd": 4}, "new": {}}),
        )
    ]
    assert list(not_learned(found)) == ["not learned yet, F1 of 0 on new: `odd` (of 4 examples)"]


def test_a_class_that_is_spelled_otherwise_is_no_new_one(
    folder: Path, tmp_path: Path, capsys: Said
) -> None:
    text = (folder / "new.jsonl").read_text().replace('"good"', '"Good "')
    (tmp_path / "caps.jsonl").write_text(text)
    said = refused(capsys, folder / "first", "--train", tmp_path / "caps.jsonl")
    assert "has the class 'Good" in said
    assert "the older run calls it 'good'" in said


def test_the_new_run_is_a_run_that_says_where_it_comes_from(folder: Path, second: Path) -> None:
    record = json.loads((second / "record.json").read_text())
    assert "training goes on from the run first" in " ".join(record["notes"])
    assert ft.file_hash(folder / "first" / "task.json") in record["used"].values()
    assert record["data"]["test"]["examples"] == 32, "the test data of both"
    assert {one["label"] for one in ft.predict(second, ["a fine chair", "a weird one"])} <= {
        "good", "bad", "odd",
    }  # fmt: skip
    assert ft.load(second).labels == ("bad", "good", "odd")
    tables = json.loads((second / "predictions" / "validation.tables.json").read_text())
    (curve,) = [one for one in tables if one["title"].startswith("Between the old weights")]
    assert [row[0] for row in curve["rows"]] == [0.0, 0.5, 1.0]
    assert {"both", "macro_f1", "old_macro_f1"} <= set(curve["columns"])


def test_a_report_can_be_made_again(second: Path, folder: Path, capsys: Said) -> None:
    test = folder / "new-test.jsonl"
    told = refreshed(capsys, "--resume", second, "--test", test, "--no-texts")
    assert [one["examples"] for one in told["data"]] == [20, 12]
    assert "chair" not in json.dumps(told)


def test_old_classes_keep_their_places_and_their_rows(
    folder: Path, tmp_path: Path, capsys: Said
) -> None:
    """At a learning rate of nothing the old rows are what they were."""
    new = folder / "new.jsonl"
    out = tmp_path / "out"
    refreshed(
        capsys, folder / "first", "--train", new, "--keep", "none", "--learning-rate", 1e-12,
        "-o", "sentiment.calibrate=false", "--epochs", 1, "--output", out,
    )  # fmt: skip
    before, after = head(folder / "first"), head(out)
    for name, rows in before.items():
        assert len(after[name]) == 3
        torch.testing.assert_close(after[name][:2], rows)


def test_corrections_of_one_class_are_enough_and_old_texts_are_not_needed(
    folder: Path, labelled: Any, tmp_path: Path, capsys: Said
) -> None:
    lone = tmp_path / "lone"
    shutil.copytree(folder / "first", lone)
    (lone / "replay.jsonl").unlink()
    text = (lone / "config.toml").read_text()
    for name in ("train", "dev"):
        text = text.replace(str(folder / f"{name}.jsonl"), str(tmp_path / f"no-{name}.jsonl"))
    (lone / "config.toml").write_text(text)
    corrections = labelled(tmp_path / "corrections.jsonl", ("good",), 8, corrected_model="ab")
    error = refused(capsys, lone, "--train", corrections, "--output", tmp_path / "a")
    assert "from_run.choose = 'new'" in error
    given = (lone, "--train", corrections, "--no-old-data", "--epochs", 1)
    told = refreshed(capsys, *given, "--output", tmp_path / "b")
    assert told["data"][0]["data"] == "old:test"
    assert ft.load(tmp_path / "b").labels == ("bad", "good")
    assert "replay needs old examples" in refused(capsys, *given, "--keep", "replay")


def test_a_refreshed_run_is_refreshed_again_with_all_that_came_before(
    folder: Path, second: Path, tmp_path: Path, capsys: Said
) -> None:
    third = tmp_path / "third"
    refreshed(capsys, second, "--train", folder / "new.jsonl", "--epochs", 1, "--output", third)
    kept = second / "replay.jsonl"
    assert str(kept) in (third / "config.toml").read_text()
    texts = {json.loads(line)["text"] for line in kept.open()}
    old = {json.loads(line)["text"] for line in (folder / "first" / "replay.jsonl").open()}
    assert len(texts & old) == 5
    assert len(texts - old) == 5
    assert ft.load(third).labels == ("bad", "good", "odd")


def test_the_metric_that_chose_the_older_run_chooses_again(folder: Path) -> None:
    path = folder / "first"
    config = tomllib.loads((path / "config.toml").read_text())
    config["run"]["metric"] = "accuracy"
    schema = ft.Schema(texts=[ft.Text("text")], label=ft.Label("label", ("bad", "good")))
    wish = Wish([str(folder / "new.jsonl")], (), (), ("wise",), False, True, (), {})
    for told in (config, {**config, "run": {}, "from_run": {"metric": "accuracy"}}):
        found = settings(Older(path, told, "sentiment", schema), wish)
        assert found.run.metric is None
        assert found.configs["from_run"].metric == "accuracy"  # type: ignore[attr-defined]
        assert [one.name for one in found.plugins] == ["sentiment", "from_run", "wise"]
        assert found.configs["sentiment"].classes == ("bad", "good")  # type: ignore[attr-defined]


def test_stored_examples_stand_for_data_that_is_gone(folder: Path, tmp_path: Path) -> None:
    config = tomllib.loads((folder / "first" / "config.toml").read_text())
    config["sentiment"] |= {"train": "gone.jsonl", "validation": "gone.jsonl"}
    schema = ft.Schema(texts=[ft.Text("text")], label=ft.Label("label", ("bad", "good")))
    wish = Wish([str(folder / "new.jsonl")], (), (), ("replay",), False, True, (), {})
    found = settings(Older(folder / "first", config, "sentiment", schema), wish)
    assert found.configs["from_run"].choose == "new"  # type: ignore[attr-defined]
    assert found.configs["replay"].file == (folder / "first" / "replay.jsonl",)  # type: ignore[attr-defined]
    (tmp_path / "model").mkdir()
    found = settings(Older(tmp_path, config, "sentiment", schema), wish)
    assert found.configs["from_run"].choose == "both", "which says that the data is missing"  # type: ignore[attr-defined]


def test_examples_of_all_runs_before_are_found(tmp_path: Path) -> None:
    before = {"run": ["/runs/first"], "file": ["/runs/zero/replay.jsonl"]}
    old = Older(tmp_path, {"replay": before}, "ner", ft.Schema())
    assert old.examples(True) == {"run": [str(tmp_path), "/runs/first"], "file": before["file"]}
    assert old.examples(False) == {"run": [], "file": before["file"]}
    own = tmp_path / "replay.jsonl"
    own.touch()
    assert old.examples(True) == {"run": [], "file": [str(own)]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name the run to go on from"),
        (("first",), "no new data is named"),
        (("first", "--train", "new.jsonl", "--keep", "replai"), "did you mean 'replay'"),
        (("first", "--train", "nwe.jsonl"), "nwe.jsonl does not exist"),
        (("first", "--train", "new.jsonl", "-o", "replay.shaer=1"), "replay.shaer"),
        (("first", "--train", "new.jsonl", "--classes", "good,bda"), "did you mean 'bad'"),
        (("tiny", "--train", "new.jsonl"), "no finished run"),
        (("--resume", "first"), "does not go on from another one"),
        (("--resume", "first", "--train", "new.jsonl"), "has its own settings"),
        (("first", "--train", "new.jsonl", "--resume", "first"), "has its run"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(folder)
    assert said in refused(capsys, *arguments)
