"""At which stage, in which mode and with what each hook is called; what a model's answers become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ft

SEEN = """
import json
import ft, torch
from ft import hookimpl


class Seen(ft.Plugin):
    \"\"\"Writes down the stage of every call.\"\"\"

    def write(self, run, hook):
        with open(FILE, "a") as file:
            modes = {module.training for module in run.model.modules()} if run.model else set()
            row = [hook, run.stage, run.final, sorted(modes), torch.is_grad_enabled()]
            file.write(json.dumps(row) + chr(10))

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        self.write(run, "compute_loss")
        return inner(run, model, batch)

    @hookimpl
    def infer(self, inner, run, model, batch):
        self.write(run, "infer")
        return inner(run, model, batch)

    @hookimpl
    def decode(self, inner, run, outputs, examples):
        self.write(run, "decode")
        return inner(run, outputs, examples)

    @hookimpl
    def evaluate(self, inner, run, predictions):
        self.write(run, "evaluate")
        return inner(run, predictions)

    @hookimpl
    def on_epoch_end(self, run, epoch, metrics):
        self.write(run, "on_epoch_end")
"""


def plugin(folder: Path, name: str, body: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(body.replace("FILE", repr(str(folder / "seen.jsonl"))))
    return str(path)


def test_every_hook_has_its_stage_mode_and_gradients(go: Any, tmp_path: Path) -> None:
    seen = plugin(tmp_path, "seen", SEEN)
    result = go(["texts", seen], epochs=1)
    list(ft.predict(result.output, ["anna went to paris"]))
    rows = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    told = dict.fromkeys(
        (hook, stage, final, *modes, grad) for hook, stage, final, modes, grad in rows
    )
    answered = [
        (hook, stage, final, False, False)
        for stage, final in (("validation", False), ("validation", True), ("test", True))
        for hook in ("infer", "decode", "evaluate")
    ]
    assert list(told) == [
        ("compute_loss", "train", False, True, True),
        *answered[:3],
        ("on_epoch_end", "train", False, True, True),
        *answered[3:],
        ("infer", "predict", False, False, False),
        ("decode", "predict", False, False, False),
    ]


ANSWERS = """
import ft, torch
from ft import hookimpl


class Answers(ft.Plugin):
    @hookimpl
    def infer(self, inner, run, model, batch):
        logits = inner(run, model, batch)["logits"]
        best = logits.argmax(-1)
        return {"logits": logits, "best": best, "sure": best > 0, "half": logits.bfloat16(),
                "scalar": logits.sum(), "cache": (logits,), **EXTRA}

    @hookimpl
    def decode(self, inner, run, outputs, examples):
        items = inner(run, outputs, examples)
        return [
            {**item, "best": int(one["best"][0]), "sure": bool(one["sure"][0]),
             "types": {name: str(value.dtype) for name, value in one.items() if name != "features"}}
            for item, one in zip(items, outputs)
        ]
"""


def test_answers_of_every_type_reach_decode(go: Any, tmp_path: Path) -> None:
    answers = plugin(tmp_path, "answers", ANSWERS.replace("EXTRA", "{}"))
    result = go(["texts", answers], epochs=1)
    rows = (result.output / "predictions" / "test.jsonl").read_text().splitlines()
    requests = [
        json.loads(line)["text"]
        for line in (result.output / "predictions" / "test.examples.jsonl").read_text().splitlines()
    ]
    asked = list(ft.predict(result.output, requests))
    for row, item in zip(map(json.loads, rows), asked, strict=True):
        assert row["types"] == {
            "logits": "float32",
            "best": "int64",
            "sure": "bool",
            "half": "float32",
        }
        assert row["label"] == ["no", "yes"][row["best"]]
        assert row["sure"] == (row["label"] == "yes")
        # Evaluation and prediction are served by the same code.
        assert (item["label"], item["best"]) == (row["label"], row["best"])
    assert result.metrics["test"]["loss"].value > 0


def test_an_answer_without_the_batch_is_refused_by_name(go: Any, tmp_path: Path) -> None:
    answers = plugin(tmp_path, "answers", ANSWERS.replace("EXTRA", '{"odd": logits[0].repeat(9)}'))
    with pytest.raises(ft.PluginError, match=r"'odd': \(18,\).* to a batch of \d+") as failure:
        go(["texts", answers], epochs=1)
    assert "'answers'" in str(failure.value)


ASKS = """
import ft
from ft import hookimpl


class Asks(ft.Plugin):
    @hookimpl
    def on_epoch_end(self, run, epoch, metrics):
        BODY
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("run.predict('pool')", "asks for predictions of the split 'pool', which .* not have"),
        (
            "run.predict('test', edit=lambda rows: {k: v[1:] for k, v in rows.items()})",
            "rows from 12 examples",
        ),
        ("run.score([{'text': 'anna'}])", "lack the columns label"),
        ("run.score([])", "given to run.score"),
        (
            "run.score(run.data.splits['validation'], weights={'odd': None})",
            "run.score was given 'odd', which is no parameter",
        ),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    go: Any, tmp_path: Path, body: str, message: str
) -> None:
    asks = plugin(tmp_path, "asks", ASKS.replace("BODY", body))
    with pytest.raises(ft.PluginError, match=message):
        go(["texts", asks], epochs=1)


def test_any_labelled_rows_are_scored_and_train_is_predicted(go: Any, tmp_path: Path) -> None:
    body = """before = run.model.training, run.stage
        rows = list(run.data.splits["validation"])
        whole = run.score(rows).metrics["accuracy"].value
        same = run.score(run.data.splits["validation"], "again").metrics["accuracy"].value
        halves = [run.score(rows[i : i + 6]).metrics["accuracy"].value for i in (0, 6)]
        assert abs(whole - metrics["accuracy"].value) < 1e-9 and whole == same
        assert abs(sum(halves) / 2 - whole) < 1e-9
        head = [pair for pair in run.model.named_parameters() if pair[0].startswith("classifier")]
        zeros = {name: value.detach() * 0 for name, value in head}
        first = [row["label"] == run.data.schema.label.names[0] for row in rows]
        flat = run.score(rows, weights=zeros).metrics["accuracy"].value
        assert head and flat == sum(first) / len(first) and run.score(rows).metrics["accuracy"].value == whole
        assert len(run.predict("train").items) == len(run.data.splits["train"])
        assert (run.model.training, run.stage) == before == (True, "train")
        run.note("scored")"""
    asks = plugin(tmp_path, "asks", ASKS.replace("BODY", body))
    with_it = go(["texts", asks], epochs=2)
    assert "scored" in with_it.record["notes"]
    # What was asked meanwhile has changed nothing.
    assert with_it.metrics["test"] == go(["texts"], epochs=2).metrics["test"]
