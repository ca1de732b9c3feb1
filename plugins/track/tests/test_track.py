"""`track`: who is told what, who is told nothing, and what goes wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ft
from ft_track import Track, TrackConfig
from ft_track.places import PLACES, Start, fitting, require
from ft_track.plugin import read_settings

TASK = "ft_kit.tasks:TextsTask"


class Recorder:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.told: list[tuple[int, dict[str, float]]] = []
        self.finished = 0
        self.fails = False

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings = values

    def log(self, values: dict[str, float], step: int) -> None:
        if self.fails:
            raise OSError("no space left")
        self.told.append((step, values))

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Stands in for TensorBoard; ``starts`` are what it was begun with."""
    one = Recorder()
    one.starts = []  # type: ignore[attr-defined]

    def begin(start: Start) -> tuple[Any, str]:
        one.starts.append(start)  # type: ignore[attr-defined]
        return one, start.id or "id-1"

    monkeypatch.setattr("ft_track.plugin.PLACES", {**PLACES, "tensorboard": begin})
    return one


Train = Callable[..., ft.Result]


@pytest.fixture
def train(model: Path, tmp_path: Path) -> Train:
    def train(output: str = "run", **settings: Any) -> ft.Result:
        values = {
            "model": str(model),
            "epochs": 2,
            "batch_size": 6,
            "device": "cpu",
            "precision": "fp32",
            "lint": "off",
            "report": False,
            **settings,
        }
        return ft.run([TASK, "track"], output=tmp_path / output, **values)

    return train


def test_a_tracker_is_told_settings_losses_metrics_and_the_end(
    train: Train, recorder: Recorder, tmp_path: Path
) -> None:
    result = train(track={"to": ["tensorboard"]})
    assert recorder.settings["run.batch_size"] == 6
    assert recorder.settings["kit-texts.train"] == 24
    assert recorder.settings["plugins"] == f"{TASK},track"
    lines = [json.loads(line) for line in (result.output / "metrics.jsonl").open()]
    for line in lines:
        (told,) = [
            values
            for step, values in recorder.told
            if step == line["step"] and ("loss" in values) == ("loss" in line)
            if not any(name.startswith("final/") for name in values)
        ]
        if "loss" in line:
            assert told["loss"] == line["loss"]
            assert told["learning_rate"] == line["learning_rate"]
        else:
            assert told["validation/accuracy"] == line["metrics"]["accuracy"]["value"]
        assert told["epoch"] == line["epoch"]
    final = {name: value for _, values in recorder.told for name, value in values.items()}
    for split in ("validation", "test"):
        assert final[f"final/{split}/accuracy"] == result.metrics[split]["accuracy"].value
    assert recorder.finished == 1
    (calls,) = [row["calls"] for row in result.record["costs"] if row["hook"] == "on_log"]
    assert calls == len(recorder.told)


def test_nobody_is_told_unless_named(train: Train, recorder: Recorder) -> None:
    result = train(max_steps=2)
    assert recorder.told == []
    assert any("-o track.to=tensorboard" in note for note in result.record["notes"])


def test_tensorboard_can_read_what_was_written(train: Train) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    result = train(track={"to": "tensorboard"})
    read = accumulator.EventAccumulator(str(result.output / "tensorboard")).Reload()
    assert {"loss", "learning_rate", "epoch", "validation/accuracy", "final/test/accuracy"} <= set(
        read.Tags()["scalars"]
    )
    (final,) = read.Scalars("final/test/accuracy")
    assert final.value == pytest.approx(result.metrics["test"]["accuracy"].value)
    assert final.step == result.record["steps"]
    assert [one.step for one in read.Scalars("validation/accuracy")] == [4, 8]


def test_wandb_is_told_offline(train: Train) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    result = train(track={"to": "wandb"})
    assert list((result.output / "wandb").glob("offline-run-*/*.wandb"))


def test_mlflow_is_told_in_the_runs_folder(train: Train) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    result = train(track={"to": "mlflow"})
    client = mlflow.tracking.MlflowClient(f"sqlite:///{result.output / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ft")
    (run,) = client.search_runs([experiment.experiment_id])
    value = result.metrics["test"]["accuracy"].value
    assert run.data.metrics["final/test/accuracy"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("tensorboard", ("tensorboard",)),
        ("wandb, tensorboard", ("wandb", "tensorboard")),
        (["mlflow", "mlflow"], ("mlflow",)),
        ("", ()),
    ],
)
def test_places_are_named_as_text_or_as_a_list(written: Any, names: tuple[str, ...]) -> None:
    assert TrackConfig(to=written).to == names


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(ft.ConfigError, match=r"track\.to"):
        ft.resolve([TASK, "track"], overrides=["track.to=tensorbord"])


def test_a_missing_package_is_one_error_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    # W&B leaves a folder of its own name where it ran.
    (tmp_path / "mlflow").mkdir()
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    plugin = Track(TrackConfig(to=("wandb", "mlflow")))
    with pytest.raises(ft.PluginError, match="pip install wandb mlflow"):
        plugin.load_data(lambda run: pytest.fail("the data was read"), SimpleNamespace())
    require((), "nobody")


def test_wandb_online_without_a_key_does_not_ask_for_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(api=SimpleNamespace(api_key=None)))
    config = TrackConfig(to=("wandb",), mode="online")
    with pytest.raises(ft.PluginError, match="wandb login"):
        PLACES["wandb"](Start(config, tmp_path, None, 0))


def test_wandb_is_offline_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[Mapping[str, Any]] = []
    library = SimpleNamespace(init=lambda **given: begun.append(given))
    monkeypatch.setitem(sys.modules, "wandb", library)
    PLACES["wandb"](Start(TrackConfig(to=("wandb",)), tmp_path, None, 0))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    PLACES["wandb"](Start(TrackConfig(to=("wandb",)), tmp_path, "abc", 0))
    monkeypatch.setenv("WANDB_API_KEY", "k")
    PLACES["wandb"](Start(TrackConfig(to=("wandb",), mode="online"), tmp_path, "abc", 0))
    assert [given["mode"] for given in begun] == ["offline", "disabled", "online"]
    assert begun[0]["project"] == "ft"
    assert begun[0]["name"] == tmp_path.name
    assert [given.get("resume") for given in begun] == [None, None, "allow"]
    assert [given["id"] for given in begun[1:]] == ["abc", "abc"]


class Told:
    """As much of a run as `track` needs."""

    def __init__(self, output: Path) -> None:
        self.output, self.epoch, self.step = output, 1, 7
        self.ranks = SimpleNamespace(main=True)
        self.notes: list[str] = []
        (output / "config.toml").write_text('plugins = ["a"]\n[run]\nseed = 0\nlist = [1]\n')

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_resumed_run_goes_on_under_its_id(recorder: Recorder, tmp_path: Path) -> None:
    first, run = Track(TrackConfig(to=("tensorboard",))), Told(tmp_path)
    first.on_run_start(run)
    second = Track(TrackConfig(to=("tensorboard",)))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    recorder.settings = {}
    second.on_log(run, 10, {"loss": 1.0})
    start = recorder.starts[-1]  # type: ignore[attr-defined]
    assert (start.id, start.step) == ("id-1", 7)
    assert recorder.settings == {}
    assert recorder.told == [(10, {"epoch": 1, "loss": 1.0})]


def test_a_place_that_fails_on_the_way_is_left_out(recorder: Recorder, tmp_path: Path) -> None:
    plugin, run = Track(TrackConfig(to=("tensorboard",))), Told(tmp_path)
    plugin.on_run_start(run)
    recorder.fails = True
    plugin.on_log(run, 10, {"loss": 1.0})
    plugin.on_log(run, 20, {"loss": 1.0})
    assert len(run.notes) == 1
    assert "tensorboard is told no more: OSError: no space left" in run.notes[0]


def test_a_run_that_fails_is_closed_all_the_same(recorder: Recorder, tmp_path: Path) -> None:
    plugin = Track(TrackConfig(to=("tensorboard",)))
    plugin.on_run_start(Told(tmp_path))
    del plugin
    assert recorder.finished == 1


def test_only_the_main_process_tells(recorder: Recorder, tmp_path: Path) -> None:
    plugin, run = Track(TrackConfig(to=("tensorboard",))), Told(tmp_path)
    run.ranks.main = False
    plugin.on_run_start(run)
    plugin.on_log(run, 10, {"loss": 1.0})
    assert recorder.told == []


def test_settings_are_flat_and_plain(tmp_path: Path) -> None:
    run = Told(tmp_path)
    assert read_settings(run.output / "config.toml") == {
        "plugins": "a",
        "run.seed": 0,
        "run.list": "[1]",
    }


def test_names_are_those_that_mlflow_takes() -> None:
    assert fitting("mlflow", {"f1/B&B": 1, "recall/größe": 2}) == {"f1/B_B": 1, "recall/größe": 2}
    assert fitting("wandb", {"f1/B&B": 1}) == {"f1/B&B": 1}
