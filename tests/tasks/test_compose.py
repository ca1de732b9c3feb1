"""What the core does for the plugins of composed tasks: events, state, costs, weights, settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft import Config, Loss, Plugin, hookimpl
from ft.cli.main import main
from ft_kit import TEXTS
from ft_kit.compare import lines, tensors
from ft_kit.tasks import TextsTask

HERE = Path(__file__)
MULTITASK = str(HERE.parent / "multitask.py")
EVENTS = (
    "on_features",
    "on_run_start",
    "on_epoch_start",
    "on_gradients",
    "on_step",
    "on_log",
    "on_epoch_end",
    "on_record",
    "on_run_end",
)


class Watched(TextsTask):
    """A task that hears everything, keeps state, and has weights of its own evaluated."""

    name = "watched"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.told: dict[str, int] = {}
        self.total = torch.zeros(())

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        return {"batch_size": 7}

    def tell(self, run: Any, event: str) -> None:
        assert run.data.schema.label.column == "label"
        assert type(run.model).__name__ == "BertForSequenceClassification"
        self.told[event] = self.told.get(event, 0) + 1

    @hookimpl
    def on_features(self, run: Any, features: Any) -> None:
        self.tell(run, "on_features")
        assert len(features) == 24
        own = {key for group in features.fetch(range(24)) for one in group for key in one}
        assert "keep_watched" in own
        assert not own & {"keep_other"}

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        self.tell(run, "on_run_start")
        self.mean = {name: p.detach().clone() for name, p in run.model.named_parameters()}

    @hookimpl
    def on_epoch_start(self, run: Any, epoch: int) -> None:
        self.tell(run, "on_epoch_start")

    @hookimpl
    def on_gradients(self, run: Any, model: Any) -> None:
        assert model is run.model
        self.tell(run, "on_gradients")

    @hookimpl
    def on_step(self, run: Any, step: int) -> None:
        self.tell(run, "on_step")
        self.rng.random()
        for name, parameter in run.model.named_parameters():
            self.mean[name].lerp_(parameter.detach(), 0.5)
        self.total += step

    @hookimpl
    def on_log(self, run: Any, step: int, values: Any) -> None:
        self.tell(run, "on_log")

    @hookimpl
    def on_epoch_end(self, run: Any, epoch: int, metrics: Any) -> None:
        assert "accuracy" in metrics
        self.tell(run, "on_epoch_end")

    @hookimpl
    def on_record(self, run: Any) -> None:
        self.tell(run, "on_record")

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        self.tell(run, "on_run_end")
        (run.output / "told.json").write_text(json.dumps([self.told, float(self.total)]))

    def evaluation_weights(self, run: Any) -> Any:
        return self.mean

    def state_tensors(self) -> dict[str, torch.Tensor]:
        return {"total": self.total, **self.mean}

    def load_state_tensors(self, tensors: Any) -> None:
        self.mean = dict(tensors)
        self.total = self.mean.pop("total")

    def state_dict(self) -> dict[str, Any]:
        return {"told": self.told}

    def load_state_dict(self, state: Any) -> None:
        self.told = dict(state.get("told", {}))


class Ordered(TextsTask):
    """A task that wants an order of its own."""

    name = "ordered"

    @hookimpl
    def order(self, inner: Any, run: Any, epoch: int) -> Any:
        return inner(run, epoch)


class Two(Plugin):
    """A technique that has evaluation weights too."""

    name = "two"

    def evaluation_weights(self, run: Any) -> Any:
        return {}


class Apart(Plugin):
    """Adds how far two passes are apart."""

    name = "apart"
    needs_graph = True

    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Loss:
        one, two = inner(run, model, batch), inner(run, model, batch)
        return one.plus(run.divergence(one.outputs, two.outputs, batch), "apart")


def both(first: str, **more: Any) -> dict[str, Any]:
    return {"tasks": {first.lower(): f"{HERE}:{first}", "other": TEXTS}, **more}


def test_a_task_among_several_hears_all_events_and_is_resumed(
    resumed: Any, tiny_model: Path, tmp_path: Path
) -> None:
    result = resumed("multitask", tiny_model, 5, multitask=both("Watched"), epochs=2)
    whole, stopped = (
        json.loads((tmp_path / name / "told.json").read_text()) for name in ("whole", "stopped")
    )
    # The numbers of the log come once more where a run is stopped, and a resume encodes anew.
    for told in (whole[0], stopped[0]):
        del told["on_log"], told["on_features"]
    assert whole == stopped
    steps = result.record["steps"]
    assert steps == 2 * -(-48 // 7), "run_defaults of the task"
    assert whole[1] == sum(range(1, steps + 1))
    assert whole[0] == {
        **dict.fromkeys(set(EVENTS) - {"on_log", "on_features"}, 1),
        "on_epoch_start": 2,
        "on_epoch_end": 2,
        "on_gradients": steps,
        "on_step": steps,
    }
    costs = {(row["plugin"], row["hook"]): row for row in result.record["costs"]}
    assert {hook for name, hook in costs if name == "watched"} >= {*EVENTS, "load_data"} - {
        "on_run_end"  # the record is sealed by then
    }
    assert costs["watched", "load_data"]["calls"] == costs["other", "load_data"]["calls"] == 1
    assert costs["watched", "evaluation_weights"]["calls"] >= 2
    assert all(row["extra_forwards"] == 0 for row in costs.values())
    # The mean of the weights is what is saved, under the names of the whole model.
    last = max((result.output / "checkpoints").glob("step-*"))
    kept = tensors(last / "plugins.safetensors")
    saved = tensors(result.output / "model" / "watched" / "model.safetensors")
    names = [name for name in saved if f"watched/{name}" in kept]
    assert len(names) == len(saved)
    if result.record["best"]["step"] == steps:
        assert all(torch.equal(saved[name], kept[f"watched/{name}"]) for name in names)


def test_techniques_around_several_tasks_are_accounted_once(go: Any) -> None:
    result = go([MULTITASK, f"{HERE}:Apart"], multitask=both("Watched"), max_steps=3)
    costs = {(row["plugin"], row["hook"]): row for row in result.record["costs"]}
    assert costs["apart", "compute_loss"]["extra_forwards"] > 0
    assert (
        costs["apart", "compute_loss"]["extra_forwards"] == costs["apart", "compute_loss"]["calls"]
    )
    parts = {key for line in lines(result.output / "metrics.jsonl") for key in line}
    assert "apart" in parts


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**both("Watched"), "settings": {"other": {"trian": 3}}}, r"other\.trian"),
        ({**both("Watched"), "settings": {"third": {}}}, "settings for 'third', which is no task"),
        ({**both("Watched"), "weights": {"third": 2.0}}, "weights for 'third', which is no task"),
        ({**both("Watched"), "weights": {"other": 0.0}}, "weight of the task 'other' is 0.0"),
        (both("Ordered"), "'ordered', which is .* provides order, which is the run's"),
        ({"tasks": {"my task": TEXTS}}, "'my task' cannot be the name of a task"),
        ({"tasks": {"two": TEXTS}}, "both called 'two'"),
        ({"tasks": {"one": f"{HERE}:Two"}}, "'one', which is .* is a technique, not a task"),
    ],
)
def test_what_cannot_be_composed_is_refused(
    go: Any, settings: dict[str, Any], message: str
) -> None:
    plugins = [MULTITASK, *([f"{HERE}:Two"] if settings["tasks"].get("two") else [])]
    with pytest.raises(ft.FtError, match=message):
        go(plugins, multitask=settings)


def test_a_hook_that_is_not_passed_on_to_the_tasks_is_named(go: Any, tmp_path: Path) -> None:
    source = Path(MULTITASK).read_text()
    start = source.index("    @hookimpl\n    def decode")
    end = source.index("    @hookimpl", start + 1)
    (tmp_path / "partly.py").write_text(
        source[:start] + source[end:].replace("Multitask", "Partly")
    )
    with pytest.raises(ft.PluginError, match="does not pass on the hook decode"):
        go([str(tmp_path / "partly.py")], multitask=both("Watched"))


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(ft.Problems) as caught:
        ft.resolve(
            [MULTITASK],
            values={
                "multitask": {**both("Watched"), "settings": {"other": {"trian": 3}}},
                "run": {"epohs": 3},
            },
        )
    assert "other.trian" in str(caught.value)
    assert "run.epohs" in str(caught.value)


def test_evaluation_weights_of_a_task_and_of_a_technique_are_two(go: Any) -> None:
    with pytest.raises(ft.PluginError, match="each have the method evaluation_weights") as caught:
        go([MULTITASK, f"{HERE}:Two"], multitask=both("Watched"))
    assert "'watched', which is" in str(caught.value)


def test_explain_lists_the_tasks_inside(capsys: pytest.CaptureFixture[str]) -> None:
    settings = both("Watched")["tasks"]
    given = [part for k, v in settings.items() for part in ("-o", f"multitask.tasks.{k}={v}")]
    assert main(["run", "--plugins", MULTITASK, *given, "--explain"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "inside of multitask: watched, other" in said
    assert "evaluation_weights: watched" in said
    assert "on_step: watched" in said


class Whole(Config):
    """Nothing to set."""


class Contrast(Plugin):
    """Wants whole batches."""

    name = "contrast"
    whole_batch = True
    Config = Whole


class OneTask(Contrast):
    """Wants whole batches, and makes each of one task."""

    name = "onetask"

    @hookimpl
    def order(self, run: Any, epoch: int) -> Any:
        names = run.data.splits["train"]["task"]
        own = {name: [i for i, one in enumerate(names) if one == name] for name in set(names)}
        return [tuple(ids[:8]) for _, ids in sorted(own.items())]


def test_a_whole_batch_is_of_one_task(go: Any) -> None:
    with pytest.raises(ft.PluginError, match="features with different columns") as caught:
        go([MULTITASK, f"{HERE}:Contrast"], multitask=both("Watched"), max_steps=2)
    assert "let `order` fix batches" in str(caught.value.hint)
    result = go([MULTITASK, f"{HERE}:OneTask"], multitask=both("Watched"), epochs=1)
    assert result.record["steps"] == 2
