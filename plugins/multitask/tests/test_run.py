"""Runs: two tasks learn together, are weighed, answer with one pass, resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification

import ft
from ft.cli.main import main
from ft_kit import write_rows
from ft_kit.compare import differences

COUNTED = """
import ft

class Count(ft.Plugin):
    \"\"\"Counts the passes of the encoder.\"\"\"

    calls = 0

    @ft.hookimpl
    def build_head(self, inner, run, data):
        model = inner(run, data)
        model.base_model.embeddings.register_forward_hook(self.count)
        return model

    def count(self, *_):
        type(self).calls += 1
"""


def test_both_are_learnt_and_answered(trained: Any, files: dict[str, str]) -> None:
    scores = trained.metrics["test"]
    assert scores["deed/accuracy"].value == 1.0
    assert scores["mean"].value >= 0.75  # guessing one of them gives less
    assert scores["mean"].value == pytest.approx(
        (scores["deed/macro_f1"].value + scores["place/macro_f1"].value) / 2, abs=1e-6
    )
    drawn = ft.read_draws(trained.output)
    ends = np.percentile(
        (drawn["deed/macro_f1"].values + drawn["place/macro_f1"].values) / 2, [2.5, 97.5]
    )
    assert [scores["mean"].low, scores["mean"].high] == pytest.approx(list(ends), abs=1e-5)
    assert drawn["mean"].items == 32
    folder = trained.output / "predictions"
    texts = [json.loads(line)["text"] for line in (folder / "test.examples.jsonl").open()]
    found = [json.loads(line) for line in (folder / "test.jsonl").open()]
    for asked, items in zip(ft.predict(trained.output, texts), found, strict=True):
        for name, item in items.items():
            assert asked[name]["label"] == item["label"]
            assert asked[name]["probability"] == pytest.approx(item["probability"], abs=1e-5)


def test_each_task_has_a_plain_model(trained: Any) -> None:
    for name in ("place", "deed"):
        model = AutoModelForSequenceClassification.from_pretrained(trained.output / "model" / name)
        assert model.config.num_labels == 2


def test_each_task_is_compared_with_a_run_of_its_own(
    trained: Any,
    model: Path,
    files: dict[str, str],
    ft_train: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone = ft_train(
        ["sentiment"],
        sentiment={**files, "columns": {"label": "deed"}},
        model=str(model),
        max_steps=2,
    )
    code = main(["compare", str(alone.output), f"{trained.output}:deed", "--json"])
    assert code == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    ours = next(one for one in told["runs"] if one["name"].endswith(":deed"))
    assert ours["metrics"]["accuracy"]["value"] == trained.metrics["test"]["deed/accuracy"].value
    assert [one["p"] is not None for one in told["differences"] if one["metric"] == "macro_f1"]
    for task, message in (("place", "different test data"), ("deeds", "its tasks are deed, place")):
        assert main(["compare", str(alone.output), f"{trained.output}:{task}"]) == 2
        assert message in capsys.readouterr().err


def test_tasks_that_read_alike_share_a_pass(
    go: Callable[..., Any], tables: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "count.py").write_text(COUNTED)
    spec = str(tmp_path / "count.py")
    result = go(tables, spec, max_steps=2)
    model = ft.load(result.output)
    (member,) = [type(one) for one in _plugins(model) if type(one).__name__ == "Count"]
    before = member.calls
    (answer,) = model.predict(["anna saw rome"])
    assert member.calls - before == 1
    assert {"place", "deed"} <= answer.keys()


def _plugins(model: Any) -> list[Any]:
    return [member.plugin for member in model._run.hooks.members]


@pytest.mark.parametrize(
    "settings",
    [
        {"weights": "uncertainty"},
        pytest.param({"weights": {"deed": 2.0}}, marks=pytest.mark.long),
        pytest.param({"temperature": 4.0}, marks=pytest.mark.long),
    ],
)
def test_a_stopped_run_goes_on_as_if_it_had_not(
    go: Callable[..., Any], tables: dict[str, Any], settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = go({**tables, **settings}, max_steps=8)
    (tmp_path / "stop.py").write_text(
        "import ft\nclass Stop(ft.Plugin):\n    @ft.hookimpl\n    def on_step(self, run, step):\n"
        "        if step == 5 and not run.restored and not (run.output / 'once').exists():\n"
        "            (run.output / 'once').touch()\n            raise KeyboardInterrupt\n"
    )
    stopped, spec = tmp_path / "stopped", str(tmp_path / "stop.py")
    with pytest.raises((ft.Interrupted, KeyboardInterrupt)):
        go({**tables, **settings}, spec, output=stopped, max_steps=8, checkpoint_steps=2)
    result = ft.run(resume=stopped)
    assert not differences(result.output, whole.output, plugin="multitask")


def test_learnt_weights_move_and_come_back(go: Callable[..., Any], tables: dict[str, Any]) -> None:
    result = go({**tables, "weights": "uncertainty"}, epochs=4)
    lines = (result.output / "metrics.jsonl").read_text()
    logged = [json.loads(line) for line in lines.splitlines()]
    weights = [one[key] for one in logged for key in one if "weight_place" in key]
    assert weights
    assert weights[-1] != 1.0
    assert list(ft.predict(result.output, ["anna saw rome"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": {"place": "sentiment"}}, "multitask.tasks"),
        (
            {"tasks": {"place": "sentimnt", "deed": "sentiment"}},
            "the task 'place': there is no plugin",
        ),
        ({"weights": {"deeds": 2.0}}, "there are weights for 'deeds', which is no task"),
        ({"weights": {"deed": 0}}, "multitask.weights.deed is 0: it must be greater than 0"),
        ({"temperature": 0.5}, "at least 1"),
    ],
)
def test_wrong_settings_are_said(
    go: Callable[..., Any], tables: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ft.FtError) as failure:
        go({**tables, **change}, max_steps=1)
    assert message in str(failure.value)
    assert "must be a table" not in str(failure.value)


def test_tasks_that_read_other_columns_are_asked_about_their_own(
    go: Callable[..., Any], files: dict[str, str], tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in Path(files["train"]).read_text().splitlines()]
    path = write_rows(tmp_path / "both.jsonl", [{**row, "title": row["text"]} for row in rows])
    own = {
        "deed": {"train": path, "columns": {"label": "deed", "text": "title"}},
        "place": {"train": path, "columns": {"label": "place"}},
    }
    result = go({"tasks": dict.fromkeys(own, "sentiment"), "settings": own}, max_steps=2)
    one, other = "anna went", "paris saw the house"
    mixed, plain, swapped = ft.predict(
        result.output, [{"title": one, "text": other}, one, {"title": other, "text": one}]
    )
    assert mixed["deed"]["scores"] == pytest.approx(plain["deed"]["scores"], abs=1e-6)
    assert swapped["place"]["scores"] == pytest.approx(plain["place"]["scores"], abs=1e-6)
    assert (mixed["title"], mixed["given_text"]) == (one, other)
    assert mixed["deed"]["scores"] != pytest.approx(swapped["deed"]["scores"], abs=1e-6)


def test_tasks_of_all_kinds_from_one_file_with_gaps(
    go: Callable[..., Any],
    files: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A class that most rows lack, several labels, and a number that has no test."""
    paths = {}
    for split, path in files.items():
        rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
        for i, row in enumerate(rows):
            row["deed"] = None if i % 3 else row["deed"]
            row |= {"size": i / 4, "tags": ["a", "b"][: i % 3]}
        paths[split] = write_rows(tmp_path / f"{split}.jsonl", rows)
    own: dict[str, Any] = {
        name: {**paths, "columns": {"label": name}} for name in ("deed", "size", "tags")
    }
    own["deed"]["on_bad_row"] = "skip"
    del own["size"]["test"]
    table = {"tasks": dict.fromkeys(own, "sentiment"), "settings": own}
    result = go(table, max_steps=2, quiet=False)
    shown = capsys.readouterr().out
    assert "train of deed: 32 examples" in shown
    assert "train of size: 96 examples" in shown
    assert "labels: a 64, b 32" in shown
    assert "size: each example has a number: size.kind = 'number'" in shown
    assert "size/mae" in shown.partition("The main metric of each task")[2]
    assert "chosen, subtracts size/mae, in whatever unit" in shown
    named = go(table, max_steps=2, metric="deed/macro_f1")
    assert not any("subtracts" in note for note in named.record["notes"])
    scores = result.metrics
    assert "size/mae" in scores["validation"]
    assert {name.partition("/")[0] for name in scores["test"]} == {"deed", "tags", "mean", "loss"}
    assert main(["evaluate", str(result.output)]) == 0
    assert main(["evaluate", str(result.output), "--data", paths["test"]]) == 0, capsys.readouterr()
    (answer,) = ft.predict(result.output, ["anna saw rome"])
    assert isinstance(answer["size"]["label"], float)
    assert isinstance(answer["tags"]["label"], list)


def test_rows_that_each_task_sets_aside_are_all_kept(
    go: Callable[..., Any], files: dict[str, str], tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in Path(files["train"]).read_text().splitlines()]
    rows[1]["deed"] = rows[2]["place"] = rows[4]["place"] = None
    train = write_rows(tmp_path / "train.jsonl", rows)
    own = {
        name: {"train": train, "columns": {"label": name}, "on_bad_row": "skip"}
        for name in ("deed", "place")
    }
    result = go({"tasks": dict.fromkeys(own, "sentiment"), "settings": own}, max_steps=1)
    bad = [json.loads(line) for line in (result.output / "bad_rows.jsonl").open()]
    assert [(row["plugin"], row["line"]) for row in bad] == [
        ("deed", 2),
        ("place", 3),
        ("place", 5),
    ]


def test_techniques_work_on_it(go: Callable[..., Any], tables: dict[str, Any]) -> None:
    result = go(tables, "augment", "adversarial", max_steps=4)
    assert 0 <= result.metrics["test"]["mean"].value <= 1
