"""What the settings do to a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft import Plugin, hookimpl
from ft_kit import TEXTS, WORDS
from ft_regularize import RegularizeConfig

HERE = Path(__file__)
CARD = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")


class Watch(Plugin):
    """Writes down which layers learn, and the forward passes, after every step."""

    name = "watch"

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        self.count = 0
        run.model.register_forward_pre_hook(self.counted)
        layer = run.model.base_model.encoder.layer[-1].output.dense.weight
        self.write(run, {"top": float(layer.detach().std()), **self.learning(run)})

    def counted(self, *_: Any) -> None:
        self.count += torch.is_grad_enabled()

    def learning(self, run: Any) -> dict[str, Any]:
        base = run.model.base_model
        layers = [next(one.parameters()).requires_grad for one in base.encoder.layer]
        return {"layers": layers, "words": base.embeddings.word_embeddings.weight.requires_grad}

    def write(self, run: Any, row: dict[str, Any]) -> None:
        with (Path(run.output) / "watched.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    @hookimpl
    def on_step(self, run: Any, step: int) -> None:
        self.write(run, {"passes": self.count, **self.learning(run)})


@pytest.fixture
def watched(ft_run: Any, tmp_path: Path) -> Any:
    """Runs a task with settings; gives what was written down, and the lines of the log."""

    def run(task: str = TEXTS, **settings: Any) -> tuple[list[Any], list[Any]]:
        plugins = [task, "regularize", f"{HERE}:Watch"]
        output = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}"
        result = ft_run(plugins, epochs=2, max_steps=None, output=output, regularize=settings)
        files = [result.output / name for name in ("watched.jsonl", "metrics.jsonl")]
        rows, log = [[json.loads(line) for line in path.open()] for path in files]
        return rows, log

    return run


def test_layers_begin_to_learn_from_the_top(watched: Any) -> None:
    rows, _ = watched(unfreeze=0.5)
    learning = [sum(one["layers"]) for one in rows]
    count = len(rows[0]["layers"])
    assert learning[0] == 0
    assert learning[-1] == count
    assert learning == sorted(learning)
    for one in rows:
        assert one["layers"] == sorted(one["layers"])  # those on top first
    assert not rows[0]["words"]
    half = len(rows) // 2 + 1
    assert all(one["words"] for one in rows[half:])


def test_top_layers_begin_anew(watched: Any) -> None:
    plain, _ = watched(balance=True)
    fresh, _ = watched(fresh_layers=1)
    assert plain[0]["top"] != fresh[0]["top"]
    assert fresh[0]["top"] == pytest.approx(0.02, rel=0.2)


def test_r_drop_makes_two_passes_and_is_logged(watched: Any) -> None:
    rows, log = watched(WORDS, r_drop=1.0)
    steps = len(rows) - 1
    assert rows[-1]["passes"] == 2 * steps
    values = [one["regularize/r_drop"] for one in log if "regularize/r_drop" in one]
    assert values
    assert all(value > 0 for value in values)


def test_several_masks_make_one_pass_and_other_weights(watched: Any) -> None:
    rows, log = watched(dropout_samples=8)
    assert rows[-1]["passes"] == len(rows) - 1
    _, plain = watched(curriculum=0.9)
    assert [one["loss"] for one in log if "loss" in one] != [
        one["loss"] for one in plain if "loss" in one
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"focal": 2, "label_smoothing": 0.1},
        {"focal": 2, "mixup": 0.4},
        {"balance": True, "curriculum": 0.5},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="contradict each other"):
        RegularizeConfig(**settings)


def test_what_the_encoder_does_not_have_is_refused(ft_run: Any) -> None:
    with pytest.raises(ft.ConfigError, match="fresh_layers is 99"):
        ft_run([TEXTS, "regularize"], epochs=1, regularize={"fresh_layers": 99})


def test_all_that_go_together_train_together(watched: Any) -> None:
    rows, _ = watched(
        r_drop=0.5, mixup=0.4, label_smoothing=0.1, dropout_samples=2, balance=True, unfreeze=0.5
    )
    assert len(rows) > 2


def test_the_card_lists_every_setting() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| (?:off|false) \|", CARD, re.MULTILINE)) == set(
        RegularizeConfig.model_fields
    )


def test_layers_that_begin_anew_must_learn(ft_run: Any) -> None:
    with pytest.raises(ft.ConfigError, match="begin with random weights and would stay so"):
        ft_run([TEXTS, "regularize"], epochs=1, freeze=2, regularize={"fresh_layers": 1})


NUMBERS = """
import random

import ft
from ft_kit.tasks import TextsTask


class Numbers(TextsTask):
    name = "numbers"
    schema = ft.Schema(texts=(ft.Text("text"),), label=ft.Label("label", kind="number"))

    def row(self, rng):
        return {**super().row(rng), "label": rng.random()}
"""


def test_a_number_has_no_probability_that_focal_could_weigh(ft_run: Any, tmp_path: Path) -> None:
    (tmp_path / "numbers.py").write_text(NUMBERS)
    with pytest.raises(ft.PluginError, match=r"with regularize\.focal, needs data with") as caught:
        ft_run([str(tmp_path / "numbers.py"), "regularize"], regularize={"focal": 2, "r_drop": 1})
    assert str(caught.value.hint).startswith("leave regularize.focal out, or ")
