"""What is averaged, evaluated and saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import ft
from ft import Plugin, hookimpl
from ft_average import AverageConfig
from ft_kit import TEXTS

HERE = Path(__file__)


class Steps(Plugin):
    """Keeps the weights after every step, in the run's folder, for the tests to compare with."""

    name = "steps"

    @hookimpl
    def on_step(self, run: Any, step: int) -> None:
        weights = {name: p.detach().clone() for name, p in run.model.named_parameters()}
        torch.save(weights, Path(run.output) / f"step-{step}.pt")


@pytest.fixture
def ran(ft_run: Any, tmp_path: Path) -> Any:
    """Runs the technique; gives the saved weights and those after each step."""

    def run(**settings: Any) -> tuple[dict[str, torch.Tensor], list[dict[str, torch.Tensor]]]:
        more = {"epochs": 1, "batch_size": 2, "max_steps": None, **settings.pop("more", {})}
        result = ft_run(
            [TEXTS, "average", f"{HERE}:Steps"], average=settings, output=tmp_path / "run", **more
        )
        paths = sorted(result.output.glob("step-*.pt"), key=lambda one: int(one.stem[5:]))
        steps = [torch.load(path, weights_only=True) for path in paths]
        return load_file(result.output / "model" / "model.safetensors"), steps

    return run


def test_swa_is_the_mean_of_the_last_steps(ran: Any) -> None:
    saved, steps = ran(method="swa", start=0.5)
    assert len(steps) >= 6
    last = steps[len(steps) // 2 :]
    for name, value in saved.items():
        mean = torch.stack([one[name] for one in last]).mean(0)
        assert torch.allclose(value, mean, atol=1e-6), name
    assert any(not torch.equal(saved[name], steps[-1][name]) for name in saved)


def test_ema_forgets_the_beginning(ran: Any) -> None:
    saved, steps = ran(method="ema", decay=0.6)
    mean = dict(steps[0])
    for n, one in enumerate(steps[1:], start=1):
        share = max(0.4, 1 / (n + 1))
        mean = {name: (1 - share) * mean[name] + share * one[name] for name in mean}
    for name, value in saved.items():
        assert torch.allclose(value, mean[name], atol=1e-6), name


def test_ema_by_default_looks_back_over_a_tenth_of_the_training(ran: Any) -> None:
    """Of few steps a mean over the last hundred would be one over all, the random beginning with them."""
    saved, steps = ran(more={"epochs": 3, "evaluations": 1})
    share = 10 / len(steps)
    assert 1 / len(steps) < share < 0.5
    mean = dict(steps[0])
    for n, one in enumerate(steps[1:], start=1):
        part = max(share, 1 / (n + 1))
        mean = {name: (1 - part) * mean[name] + part * one[name] for name in mean}
    for name, value in saved.items():
        assert torch.allclose(value, mean[name], atol=1e-6), name


def test_the_score_of_a_soup_never_falls(ran: Any, tmp_path: Path) -> None:
    saved, _ = ran(method="soup", more={"epochs": 4, "learning_rate": 3e-3})
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    scores = [one["metrics"]["accuracy"]["value"] for one in lines if "split" in one]
    assert len(scores) == 4
    assert scores == sorted(scores)
    assert len(saved) > 0


def test_what_is_scored_is_what_is_saved(ran: Any, tmp_path: Path) -> None:
    ran(method="soup", more={"epochs": 3})
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    before = record["metrics"]["test"]["accuracy"]["value"]
    assert ft.evaluate(tmp_path / "run").metrics["test"]["accuracy"].value == before


@pytest.mark.parametrize(
    "settings", [{"method": "swa", "decay": 0.9}, {"method": "ema", "start": 0.1}]
)
def test_a_setting_without_effect_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is a setting of the method"):
        AverageConfig(**settings)


def test_a_soup_needs_a_split_to_choose_by(ft_run: Any, tmp_path: Path) -> None:
    alone = tmp_path / "alone.py"
    alone.write_text(
        "from dataclasses import replace\n"
        "from ft import hookimpl\n"
        "from ft_kit.tasks import TextsTask\n"
        "class Alone(TextsTask):\n"
        "    @hookimpl\n"
        "    def load_data(self, run):\n"
        "        data = super().load_data(run)\n"
        "        left = {k: v for k, v in data.splits.items() if k != 'validation'}\n"
        "        return replace(data, splits=left)\n"
    )
    with pytest.raises(ft.ConfigError, match="chooses weights by the validation split"):
        ft_run([f"{alone}:Alone", "average"], epochs=1, average={"method": "soup"})
