"""A step over many small forward passes is the step over one large pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY

NO_GRADIENT = "attention.self.key.bias"
"""It shifts all of a query's scores alike, so that its gradient is nothing but rounding, of which
AdamW makes whole steps."""


@pytest.fixture(scope="module")
def still_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without dropout, whose masks differ between one large pass and several small ones."""
    return tiny_bert(tmp_path_factory.mktemp("still"), VOCABULARY, dropout=0.0)


@pytest.mark.parametrize("settings", [{}, {"max_steps": 1}], ids=["epoch", "one-step"])
@pytest.mark.parametrize("task", ["words", "texts"])
def test_accumulation_is_the_large_batch(
    go: Callable[..., Any],
    comparing: ModuleType,
    still_model: Path,
    task: str,
    settings: dict[str, Any],
) -> None:
    settings = {"model": str(still_model), "learning_rate": 1e-4, "metric": "loss", **settings}
    sizes = {"train": 64, "longest": 12}
    runs = {
        tokens: go([task, "count"], batch_size=16, max_tokens=tokens, **settings, **{task: sizes})
        for tokens in (100_000, 40)
    }
    passes = {
        tokens: len(comparing.read(run.output / "forwards.json")) for tokens, run in runs.items()
    }
    steps = runs[40].record["steps"]
    assert passes[100_000] == steps
    assert passes[40] >= 2 * steps

    one, other = (
        comparing.tensors(run.output / "model/model.safetensors") for run in runs.values()
    )
    before = comparing.tensors(still_model / "model.safetensors")
    learnt = [name for name in one if not name.endswith(NO_GRADIENT)]
    apart = max(float((one[name] - other[name]).abs().max()) for name in learnt)
    moved = max(
        float((one[f"bert.{name}"] - value).abs().max())
        for name, value in before.items()
        if f"bert.{name}" in one
    )
    assert moved > 0.5 * 1e-4
    assert apart < 1e-3 * moved
    for name in learnt:
        scale = float(one[name].norm())
        assert float((one[name] - other[name]).norm()) <= 2e-6 * max(scale, 1.0), name
    losses = [
        [line["loss"] for line in comparing.lines(run.output / "metrics.jsonl") if "loss" in line]
        for run in runs.values()
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
