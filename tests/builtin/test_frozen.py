"""A frozen encoder computes each text once, and what is learnt is what it would be anyway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ft.builtin.frozen import FrozenEncoder


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every batch that a frozen encoder computes."""
    rows: list[int] = []
    compute = FrozenEncoder._without_dropout

    def counted(self: FrozenEncoder, inputs: dict[str, Any]) -> Any:
        rows.append(len(inputs["input_ids"]))
        return compute(self, inputs)

    monkeypatch.setattr(FrozenEncoder, "_without_dropout", counted)
    return rows


SETTINGS: dict[str, Any] = {"freeze": "encoder", "epochs": 3, "learning_rate": 1e-2}


@pytest.mark.parametrize("task", ["words", "texts"])
def test_no_text_is_computed_twice(go: Callable[..., Any], computed: list[int], task: str) -> None:
    result = go([task], epochs=3, freeze="encoder")
    texts = sum(split["examples"] for split in result.record["data"].values())
    assert sum(computed) <= texts


@pytest.mark.parametrize("task", ["words", "texts"])
def test_the_head_learns_what_it_would_learn_anyway(
    go: Callable[..., Any], comparing: ModuleType, computed: list[int], task: str
) -> None:
    kept = go([task], precision="fp32", **SETTINGS)
    once = sum(computed)
    # A technique around the loss, whatever it does, has every batch computed.
    anew = go([task, "count"], precision="fp32", **SETTINGS)
    assert sum(computed) - once > 2 * once
    one, other = (comparing.tensors(run.output / "model/model.safetensors") for run in (kept, anew))
    assert list(one) == list(other)
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-5, rtol=1e-4)


def test_a_frozen_encoder_is_saved_as_it_was(
    go: Callable[..., Any], comparing: ModuleType, tiny_model: Path
) -> None:
    result = go(["words"], **SETTINGS)
    before = comparing.tensors(tiny_model / "model.safetensors")
    after = comparing.tensors(result.output / "model/model.safetensors")
    shared = [name for name in before if f"bert.{name}" in after]
    assert shared
    for name in shared:
        assert torch.equal(before[name], after[f"bert.{name}"])


def test_the_best_weights_are_those_that_learn(
    go: Callable[..., Any], comparing: ModuleType
) -> None:
    result = go(["words"], **SETTINGS)
    (best,) = result.output.glob("checkpoints/best-*")
    kept = comparing.tensors(best / "model.safetensors")
    assert kept
    assert not any(name.startswith("bert.") for name in kept)
    saved = comparing.tensors(result.output / "model/model.safetensors")
    for name, value in kept.items():
        assert torch.equal(value, saved[name])


def test_all_weights_are_best_weights_where_nothing_is_kept(
    go: Callable[..., Any], comparing: ModuleType
) -> None:
    result = go(["words", "count"], **SETTINGS)
    (best,) = result.output.glob("checkpoints/best-*")
    kept = comparing.tensors(best / "model.safetensors")
    assert any(name.startswith("bert.") for name in kept)
