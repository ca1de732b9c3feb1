"""Whole runs on a tiny model: what is trained, kept, said and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import ft
from ft_kit.compare import differences


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def plugin_file(folder: Path, body: str, name: str = "extra") -> str:
    path = folder / f"{name}.py"
    path.write_text("import ft\nfrom ft import hookimpl\nimport torch\n\n" + body)
    return str(path)


def test_a_run_learns_and_leaves_its_folder(go: Any) -> None:
    result = go(["words"], epochs=8, words={"train": 160})
    assert result.metrics["test"]["accuracy"].value > 0.9
    names = {path.name for path in result.output.iterdir()}
    assert {
        "config.toml",
        "record.json",
        "task.json",
        "metrics.jsonl",
        "model",
        "predictions",
    } <= names
    record = json.loads((result.output / "record.json").read_text())
    assert record["train_seconds"] > 0
    assert record["steps"] == 8 * 20
    assert set(record["data"]) == {"train", "validation", "test"}
    assert record["chains"]["compute_loss"] == "standard"
    assert record["padding"] < 0.2
    predictions = (result.output / "predictions" / "test.jsonl").read_text().splitlines()
    assert len(predictions) == 12
    losses = [line["loss"] for line in lines(result.output) if "learning_rate" in line]
    assert losses[-1] < losses[0]


def test_the_time_of_training_counts_what_is_encoded_anew(go: Any, tmp_path: Path) -> None:
    slow = plugin_file(
        tmp_path,
        """
class Slow(ft.Plugin):
    @hookimpl
    def encode(self, inner, run, examples, training):
        if training and run.step:
            import time

            time.sleep(1)
        return inner(run, examples, training)
""",
        "slow",
    )
    assert go(["words", slow], epochs=2).record["train_seconds"] > 1


def test_the_settings_of_a_run_repeat_it(go: Any, tmp_path: Path) -> None:
    first = go(["texts"], seed=3)
    second = ft.run(config=first.output / "config.toml", output=tmp_path / "again")
    ours, theirs = weights(first.output), weights(second.output)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_seeds_differ_in_the_head_too(go: Any) -> None:
    heads = [
        weights(go(["texts"], seed=s, max_steps=1).output)["classifier.weight"] for s in (0, 1)
    ]
    assert not torch.allclose(heads[0], heads[1], atol=5e-3)


def test_max_steps_and_fractional_epochs_end_a_run(go: Any) -> None:
    assert go(["words"], max_steps=4).record["steps"] == 4
    assert go(["words"], epochs=1.5).record["steps"] == 9


def test_the_validation_split_is_scored_between_epochs_on_request(go: Any) -> None:
    result = go(["words"], epochs=1, evaluate_steps=2)
    scored = [line["step"] for line in lines(result.output) if line.get("split") == "validation"]
    assert scored == [2, 4, 6]


def test_the_best_weights_are_kept_not_the_last(go: Any, tmp_path: Path) -> None:
    spoil = plugin_file(
        tmp_path,
        """
class Spoil(ft.Plugin):
    @hookimpl
    def on_epoch_end(self, run, epoch):
        if epoch == 2:
            with torch.no_grad():
                for parameter in run.model.parameters():
                    parameter.zero_()
""",
    )
    result = go(["words", spoil], epochs=4, learning_rate=1e-2, words={"train": 96})
    assert result.record["best"]["step"] <= 24
    assert result.metrics["validation"]["accuracy"].value == result.record["best"]["value"]


def test_patience_ends_a_run_and_the_record_says_so(go: Any) -> None:
    result = go(["words"], epochs=50, learning_rate=1e-12, patience=2)
    assert result.record["steps"] == 3 * 6
    (stop,) = result.record["stops"]
    assert stop["plugin"] == "core"
    assert "accuracy has not risen in 2 evaluations" in stop["reason"]


def test_any_plugin_may_stop_a_run(go: Any, tmp_path: Path) -> None:
    extra = plugin_file(
        tmp_path,
        """
class Stop(ft.Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        if run.step == 2:
            run.stop(self, "enough")
        run.log(self, "seen", run.step)
        return inner(run, model, batch)
""",
    )
    result = go(["words", extra], epochs=5)
    assert result.record["stops"] == [{"plugin": "extra", "reason": "enough", "step": 2}]
    assert result.record["steps"] == 3


@pytest.mark.parametrize(
    ("metric", "hint"), [("acuracy", "did you mean 'accuracy'"), ("bleu", "are accuracy, loss")]
)
def test_an_unknown_metric_is_refused_with_those_there_are(go: Any, metric: str, hint: str) -> None:
    with pytest.raises(ft.ConfigError, match=rf"no metric '{metric}'(.|\n)*{hint}"):
        go(["words"], metric=metric)


UNTRAINED = """
class Untrained(ft.Plugin):
    @hookimpl
    def on_run_start(self, run):
        raise RuntimeError("training begins")
"""


@pytest.mark.parametrize("task", ["words", "texts"])
def test_an_unknown_metric_is_refused_before_training(go: Any, task: str, tmp_path: Path) -> None:
    extra = plugin_file(tmp_path, UNTRAINED)
    with pytest.raises(ft.ConfigError, match="no metric 'acuracy'"):
        go([task, extra], metric="acuracy")
    with pytest.raises(RuntimeError, match="training begins"):
        go([task, extra], metric="accuracy")


METRICS = """
class Metrics(TextsTask):
    name = "metrics"

    @hookimpl
    def evaluate(self, run, predictions):
        told = super().evaluate(run, predictions)
        said = {item["label"] for item in predictions.items}
        gold = set(predictions.examples["label"])
        if len(predictions.items) > 40:
            told.metrics["late"] = told.metrics["accuracy"]
        if len(said) == len(gold):
            told.metrics["varied"] = told.metrics["accuracy"]
        told.metrics["drawn"] = ft.Metric(float(self.rng.random() + torch.rand(()) * 0))
        return told
"""


def test_a_metric_that_depends_on_data_and_predictions_is_not_refused(
    go: Any, tmp_path: Path
) -> None:
    extra = plugin_file(tmp_path, "from ft_kit.tasks import TextsTask\n" + METRICS)
    untrained = plugin_file(tmp_path, UNTRAINED, "untrained")
    for metric in ("late", "varied"):
        with pytest.raises(RuntimeError, match="training begins"):
            go([extra, untrained], metric=metric, metrics={"validation": 48})


def test_a_metric_that_is_named_changes_nothing_of_a_run(go: Any, tmp_path: Path) -> None:
    """The evaluation draws random numbers of the plugin's and of torch's."""
    extra = plugin_file(tmp_path, "from ft_kit.tasks import TextsTask\n" + METRICS)
    sizes = {"validation": 48}
    plain = go([extra], epochs=2, metrics=sizes)
    named = go([extra], epochs=2, metric="accuracy", metrics=sizes)
    assert not differences(named.output, plain.output, plugin="metrics")


def test_the_loss_can_choose_the_best_model(go: Any) -> None:
    result = go(["words"], metric="loss", epochs=3)
    best = min(
        line["metrics"]["loss"]["value"]
        for line in lines(result.output)
        if line.get("split") == "validation"
    )
    assert result.record["best"]["value"] == best


@pytest.mark.parametrize(
    ("freeze", "frozen"), [("encoder", "encoder.layer.1"), (1, "encoder.layer.0")]
)
def test_frozen_weights_stay_as_they_were(
    go: Any, tiny_model: Path, freeze: Any, frozen: str
) -> None:
    result = go(["words"], freeze=freeze)
    before, after = load_file(tiny_model / "model.safetensors"), weights(result.output)
    kept = [name for name in before if frozen in name]
    assert kept
    assert all(torch.equal(before[name], after[f"bert.{name}"]) for name in kept)
    assert result.record["frozen_parameters"] > 0


def test_loss_parts_are_logged_under_their_names(go: Any, tmp_path: Path) -> None:
    extra = plugin_file(
        tmp_path,
        """
class Ridge(ft.Plugin):
    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        loss = inner(run, model, batch)
        penalty = model.classifier.weight.square().sum() * loss.items
        return loss.plus(penalty, "ridge/penalty")
""",
        "ridge",
    )
    result = go(["words", extra], max_steps=10, epochs=3)
    line = next(line for line in lines(result.output) if "ridge/penalty" in line)
    assert 0 < line["ridge/penalty"] < line["loss"]


@pytest.mark.parametrize(
    "copied", ["data = ft.TaskData(type(data.splits)(data.splits), data.schema)", "pass"]
)
def test_a_technique_may_change_the_train_split_only(go: Any, tmp_path: Path, copied: str) -> None:
    extra = plugin_file(
        tmp_path,
        f"""
class Cut(ft.Plugin):
    @hookimpl
    def load_data(self, inner, run):
        data = inner(run)
        {copied}
        data.splits["test"] = data.splits["test"].select(range(3))
        return data
""",
        "cut",
    )
    with pytest.raises(ft.PluginError) as caught:
        go(["words", extra])
    assert "changed the test split in load_data" in str(caught.value)
    assert "plugin 'cut'" in str(caught.value)


def test_what_build_head_loads_must_be_what_was_trained(go: Any, tmp_path: Path) -> None:
    extra = plugin_file(
        tmp_path,
        """
class Forget(ft.Plugin):
    @hookimpl
    def build_head(self, inner, run, data):
        model = inner(run, data)
        if run.restored:
            torch.nn.init.zeros_(model.classifier.weight)
        return model
""",
        "forget",
    )
    with pytest.raises(ft.TrainingError, match=r"does not come back as it was: classifier"):
        go(["words", extra])


def test_without_validation_the_last_weights_are_kept(go: Any) -> None:
    result = go(["words"], words={"validation": 0})
    assert set(result.metrics) == {"test"}
    assert result.record["best"] is None


def test_a_model_that_is_not_there_is_one_clear_error(go: Any, tmp_path: Path) -> None:
    with pytest.raises(ft.ConfigError, match=r"run\.model: cannot load the .* of"):
        go(["words"], model=str(tmp_path / "nothing"))


def test_prediction_equals_the_runs_own(go: Any, load: Any) -> None:
    result = go(["texts"], epochs=2)
    test = [json.loads(line) for line in (result.output / "predictions" / "test.jsonl").open()]
    data = load("tasks").TextsTask().load_data(None).splits["test"]
    again = ft.predict(result.output, list(data["text"]))
    assert [one["label"] for one in again] == [one["label"] for one in test]
    for one, before in zip(again, test, strict=True):
        assert one["scores"] == pytest.approx(before["scores"], abs=1e-5)


def test_words_longer_than_the_model_are_all_predicted(go: Any) -> None:
    result = go(["words"], words={"longest": 300, "train": 16}, epochs=1)
    test = [json.loads(line) for line in (result.output / "predictions" / "test.jsonl").open()]
    assert max(len(one["tags"]) for one in test) > 64
    assert not any("" in one["tags"] for one in test)
