"""The losses of composed tasks: how much each counts, and over which items each is a mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ft import Label, Loss, Plugin, hookimpl
from ft_kit import TEXTS
from ft_kit.compare import lines
from ft_kit.tasks import SizeConfig, TextsTask

HERE = Path(__file__)
MULTITASK = str(HERE.parent / "multitask.py")
OTHERS = HERE.parent / "test_compose.py"
APART = f"{OTHERS}:Apart"
"""A technique that adds how far two passes are apart."""


class HeavyConfig(SizeConfig):
    """How much the target counts."""

    weight: float = 3.0


class Heavy(TextsTask):
    """A task whose target has a weight, with a loss of its own that asks for no `loss_of`."""

    name = "heavy"
    Config = HeavyConfig

    @hookimpl
    def load_data(self, run: Any) -> Any:
        data = super().load_data(run)
        data.schema = data.schema.with_label(
            Label(names=data.schema.label.names, weight=self.config.weight)
        )
        return data

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> Loss:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        each = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="none")
        return Loss(each.sum(), float(len(each)), {"logits": logits}, each=each)


class Counted(TextsTask):
    """A task that writes down the passes of training: whether they have gradients."""

    name = "counted"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.passes: list[bool] = []

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> Loss:
        if model.training:
            self.passes.append(torch.is_grad_enabled())
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        each = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="none")
        return Loss(each.sum(), float(len(each)), {"logits": logits}, each=each)

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        (run.output / "passes.json").write_text(json.dumps(self.passes))


class Gradient(Plugin):
    """Keeps the sum of the first step's gradients of the encoder."""

    name = "gradient"

    @hookimpl
    def on_gradients(self, run: Any, model: Any) -> None:
        if run.step == 0 and run.ranks.main:
            found = [
                p.grad.to_dense().double().sum(-1).flatten()
                for p in model.base_model.parameters()
                if p.grad is not None
            ]
            torch.save(torch.cat(found), run.output / "gradient.pt")


def both(first: str, **more: Any) -> dict[str, Any]:
    file = OTHERS if first == "Watched" else HERE
    return {"tasks": {first.lower(): f"{file}:{first}", "other": TEXTS}, **more}


@pytest.mark.parametrize("first", ["Heavy", "Watched"])
def test_weights_say_how_much_each_task_counts(
    go: Any, tmp_path: Path, still: Path, first: str
) -> None:
    """The gradient of the shared encoder is linear in the weights."""
    name = first.lower()

    def gradient(at: str, **settings: Any) -> torch.Tensor:
        run = go(
            [MULTITASK, f"{HERE}:Gradient"],
            tmp_path / at,
            multitask=both(first, **settings),
            max_steps=1,
            batch_size=96,
            model=str(still),
            max_tokens=8192,
        )
        return torch.load(run.output / "gradient.pt", weights_only=True)

    plain = gradient("plain")
    first_more = gradient("first", weights={name: 2.0})
    other_more = gradient("other", weights={"other": 2.0})
    torch.testing.assert_close(first_more + other_more, 3 * plain, rtol=1e-4, atol=1e-5)
    assert float((first_more - plain).norm()) > 1e-3
    if first == "Heavy":
        light = {"settings": {"heavy": {"weight": 1.0}}, "weights": {"heavy": 3.0}}
        torch.testing.assert_close(gradient("light", **light), plain)


def test_a_task_that_fits_into_one_pass_is_not_counted_before(
    go: Any, tmp_path: Path, still: Path, together: Any
) -> None:
    """The gradient is the same with what a technique adds: that is a mean over the task's items too."""

    def gradient(max_tokens: int) -> tuple[torch.Tensor, list[bool], dict[str, Any]]:
        run = go(
            [MULTITASK, APART, f"{HERE}:Gradient"],
            tmp_path / f"{max_tokens}",
            multitask=both("Counted"),
            max_steps=1,
            batch_size=48,
            model=str(still),
            max_tokens=max_tokens,
        )
        kept = torch.load(run.output / "gradient.pt", weights_only=True)
        passes = json.loads((run.output / "passes.json").read_text())
        return kept, passes, lines(run.output / "metrics.jsonl")[0]

    whole, passes, log = gradient(8192)
    assert passes == [True, True], "the two passes of the technique"
    cut, more, other = gradient(40)
    assert False in more
    torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-6)
    file = tmp_path / "two.toml"
    file.write_text(
        f"""plugins = ["{MULTITASK}", "{APART}", "{HERE}:Gradient"]
[run]
max_steps = 1
batch_size = 48
model = "{still}"
precision = "fp32"
device = "cpu"
lint = "off"
report = false
[multitask.tasks]
counted = "{HERE}:Counted"
other = "{TEXTS}"
"""
    )
    together.run(["run", "--config", file, "--output", tmp_path / "two"])
    two = torch.load(tmp_path / "two" / "gradient.pt", weights_only=True)
    torch.testing.assert_close(two, whole, rtol=1e-4, atol=1e-6)
    for found in (other, lines(tmp_path / "two" / "metrics.jsonl")[0]):
        for name in ("loss", "other", "apart"):
            assert found[name] == pytest.approx(log[name], rel=1e-3)
