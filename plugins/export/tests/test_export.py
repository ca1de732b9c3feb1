"""`ft export`: an exported run answers as the run does, and is a run like any other."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft.cli.main import main
from ft_export import export
from ft_export.form.loaded import ExportedModel
from ft_export.parity import count_changed, in_float32, predictions
from ft_kit import write_rows


@pytest.fixture(scope="session")
def onnx(ner: Path) -> Path:
    """The exported run of `ner`."""
    folder, _ = export(ner)
    return folder


def test_an_exported_run_is_a_run_like_any_other(ner: Path, onnx: Path) -> None:
    assert onnx == ner / "exports" / "onnx"
    texts = ["anna went to paris .", "", "a " * 200 + "ben saw new york"]
    before, after = ft.load(ner), ft.load(onnx)
    assert not list(after.model.parameters())
    ours, theirs = before.predict(texts), after.predict(texts)
    assert [one["entities"] and [e["text"] for e in one["entities"]] for one in theirs] == [
        one["entities"] and [e["text"] for e in one["entities"]] for one in ours
    ]
    for one, other in zip(ours, theirs, strict=True):
        assert other["tags"] == one["tags"]
        assert other["scores"] == pytest.approx(one["scores"], abs=1e-4)
    assert len(theirs[2]["tags"]) == 204, "the long text is read in windows"
    assert ft.predict(onnx, texts) == theirs


def test_it_is_scored_as_the_run_is(ner: Path, onnx: Path) -> None:
    ours, theirs = ft.evaluate(ner), ft.evaluate(onnx)
    metrics = ours.metrics["test"]
    assert metrics["f1"].value > 0.8
    for name, metric in metrics.items():
        assert theirs.metrics["test"][name].value == pytest.approx(metric.value, abs=1e-4)


def test_parity_is_in_the_record(ner: Path, onnx: Path) -> None:
    record = json.loads((onnx / "record.json").read_text(encoding="utf-8"))
    told = record["export"]
    assert told["to"] == "onnx"
    assert set(told["shapes"]) == {"1 x 1", "1 x 64", "7 x 3"}
    assert all(one["share"] < 1e-3 for one in (*told["shapes"].values(), told["outputs"]))
    assert told["changed"] == 0
    assert told["decisions"] > 400
    assert record["speedup"] == pytest.approx(told["speed"][1] / told["speed"][0])
    assert record["derived_from"] == ft.file_hash(ner / "task.json")
    assert "decisions changed" in (onnx / "parity.txt").read_text(encoding="utf-8")


def test_fast_takes_the_fastest_form(
    ner: Path, onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, record = tmp_path / "in.txt", onnx / "record.json"
    source.write_text("ben saw paris\n", encoding="utf-8")
    kept = record.read_text(encoding="utf-8")
    try:
        for speedup, used in ((9.0, onnx), (0.5, ner)):
            record.write_text(
                json.dumps({**json.loads(kept), "speedup": speedup}), encoding="utf-8"
            )
            assert main(["predict", str(ner), str(source), "--fast", "--quiet"]) == 0
            answer = json.loads(capsys.readouterr().out)
            assert answer["scores"] == ft.predict(used, "ben saw paris")[0]["scores"]
    finally:
        record.write_text(kept, encoding="utf-8")


def test_fast_without_a_form_is_refused(
    sentiment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(sentiment), "-", "--fast"]) == 2
    assert "no faster form of this run" in capsys.readouterr().err


def test_an_exported_model_cannot_be_trained(ner: Path, train: Callable[..., Path]) -> None:
    data = tomllib.loads((ner / "config.toml").read_text(encoding="utf-8"))["ner"]["train"]
    with pytest.raises(ft.PluginError, match="cannot be trained"):
        train(["ner", "exported"], train=data)


def test_int8_is_smaller_and_decides_alike(
    ner: Path, onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(ner), "--int8", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["folder"]) == ner / "exports" / "onnx-int8"
    assert told["equal"] >= 0.99
    assert told["in_float"] == []
    assert told["outputs"]["largest"] > 0
    whole = (onnx / "model" / "model.onnx").stat().st_size
    assert (ner / "exports" / "onnx-int8" / "model" / "model.onnx").stat().st_size < whole
    assert main(["export", str(ner), "--int8", "--quiet"]) == 2, "it is there already"


@pytest.mark.long
def test_the_layer_that_int8_hurts_stays_in_float(hurt: Path) -> None:
    folder, parity = export(hurt, int8=True)
    assert parity.in_float == ["classifier"]
    assert parity.equal >= 0.99
    assert "in float" in (folder / "parity.txt").read_text(encoding="utf-8")


def test_what_answers_otherwise_is_refused_and_leaves_nothing(
    ner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new"
    arguments = ["export", str(ner), "--int8", "--tolerance", "1e-9", "--output", str(target)]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "--tolerance allows 1e-09" in said
    assert "decisions changed" in said, "the table shows by how much"
    assert list(tmp_path.iterdir()) == []


def test_decisions_are_those_of_the_run_in_float32(
    ner: Path, train: Callable[..., Path], tmp_path: Path
) -> None:
    """A run in bf16 rounds, the exported model does not."""
    given = tomllib.loads((ner / "config.toml").read_text())["ner"]
    files = {split: given[split] for split in ("train", "validation", "test")}
    half = train("ner", epochs=2, run={"precision": "bf16"}, **files)
    folder, parity = export(half, "onnx", output=tmp_path / "onnx", decisions=1.0)
    assert parity.changed == 0
    (note,) = [one for one in parity.notes if "in bf16" in one]
    ours, theirs = (predictions(one, "test") for one in (half, folder))
    assert note.endswith(f"in bf16, {count_changed(ours, theirs)[1]:,} decisions change")
    model = ft.load(half).model
    inputs = {"input_ids": torch.tensor([[1, 2, 3]]), "attention_mask": torch.ones(1, 3).long()}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        with in_float32(model):
            assert model(**inputs)["logits"].dtype == torch.float32
        assert model(**inputs)["logits"].dtype == torch.bfloat16
    parity.changed, parity.decisions = 2, 1000
    parity.check(None, 0.998)
    with pytest.raises(ft.UserError, match=r"2 of 1,000 decisions .* allows 1, which are 0\.10%"):
        parity.check(None, 0.999)


@pytest.mark.long
def test_openvino_takes_classes_of_texts(sentiment: Path) -> None:
    pytest.importorskip("openvino")
    folder, parity = export(sentiment, "openvino")
    assert parity.changed == 0
    assert parity.decisions == 60
    texts = ["a great house", "awful , poor and bad"]
    ours, theirs = ft.predict(sentiment, texts), ft.predict(folder, texts)
    for one, other in zip(ours, theirs, strict=True):
        assert other["label"] == one["label"]
        assert other["scores"] == pytest.approx(one["scores"], abs=1e-4)
    with pytest.raises(ft.UserError, match="--to onnx and --to torch"):
        export(sentiment, "openvino", int8=True)


def test_what_an_exported_model_cannot_do_is_refused(
    train: Callable[..., Path], tmp_path: Path
) -> None:
    """The plugin `recommend` encodes its catalogue by parts of the model."""
    recommend = pytest.importorskip("ft_recommend")
    settings = recommend.Recommend.example_settings(tmp_path)
    run = train("recommend", run={"learning_rate": 1e-3}, **settings)
    with pytest.raises(ft.UserError, match="calls a part of the model by itself"):
        export(run)


@pytest.mark.parametrize(
    ("body", "why", "mend"),
    [
        ("x[torch.arange(len(x))]", "makes a constant of a size of its inputs", "x.shape[0]"),
        ("x if x.sum() > 0 else -x", "depends on the values of its inputs", "torch.where"),
    ],
)
def test_a_model_that_cannot_be_translated_is_refused_in_words(
    train: Callable[..., Path], tmp_path: Path, body: str, why: str, mend: str
) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(
        "import ft, torch\nclass Odd(ft.Plugin):\n    @ft.hookimpl\n"
        "    def build_head(self, inner, run, data):\n        model = inner(run, data)\n"
        f"        model.classifier.register_forward_hook(lambda m, i, x: {body})\n"
        "        return model\n"
    )
    rows = [{"text": f"{word} house", "label": word} for word in ("good", "bad")] * 20
    data = write_rows(tmp_path / "train.jsonl", rows)
    run = train(["sentiment", str(plugin)], train=data, test=data)
    with pytest.raises(
        ft.UserError, match=r"\(BertForSequenceClassification\) cannot be exported"
    ) as caught:
        export(run)
    assert why in str(caught.value)
    assert mend in str(caught.value.hint)


def test_answers_are_found_with_an_exported_model(
    train: Callable[..., Path], tmp_path: Path
) -> None:
    """The plugin reads the model's outputs by attribute."""
    settings = pytest.importorskip("ft_answers").Answers.example_settings(tmp_path)
    run = train("answers", run={"learning_rate": 1e-3}, **settings)
    split = "test" if "test" in settings else "validation"
    folder, parity = export(run, "onnx", split=split)
    assert parity.changed == 0
    asked = ["where is the house in london"]
    (ours,), (theirs,) = ft.predict(run, asked), ft.predict(folder, asked)
    assert theirs["items"] == ours["items"]
    assert theirs["scores"] == pytest.approx(ours["scores"], abs=1e-4)


@pytest.mark.long
def test_several_tasks_take_one_pass(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, parity = export(several, "onnx")
    assert parity.changed == 0
    model, calls = ft.load(folder), []
    kind = type(model.model)
    forward = kind.forward

    def counted(*given: Any, **inputs: Any) -> Any:
        calls.append(sorted(inputs))
        return forward(*given, **inputs)

    monkeypatch.setattr(kind, "forward", counted)
    text = "anna went to paris ."
    (found,), (expected,) = model.predict([text]), ft.load(several).predict([text])
    assert len(calls) == 1
    assert found["people"]["tags"] == expected["people"]["tags"]
    assert found["mood"]["label"] == expected["mood"]["label"]


@pytest.mark.long
def test_int8_is_tried_on_each_of_several_tasks(
    several: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[set[str]] = []
    forward = ExportedModel.forward

    def seen(self: ExportedModel, **inputs: Any) -> Any:
        found = forward(self, **inputs)
        tried.append(set(found))
        return found

    monkeypatch.setattr(ExportedModel, "forward", seen)
    calls: dict[str, int] = {}
    folder, _ = export(
        several,
        "onnx",
        int8=True,
        output=tmp_path / "int8",
        decisions=0.5,
        say=lambda text: calls.update({text: len(tried)}),
    )
    assert calls["quantise it"] == 0
    assert calls["compare it with the run"] > 0, "the trained run answered with what was quantised"
    assert tried[0] == {"people.logits", "mood.logits"}
    assert {"people", "mood"} <= ft.load(folder).predict(["anna went to paris ."])[0].keys()
