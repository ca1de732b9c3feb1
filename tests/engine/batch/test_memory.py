"""Where memory runs out, smaller passes give the same result."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
import torch
from torch import nn

import ft
from ft.contract.errors import Interrupted, TrainingError
from ft.engine.batch.memory import Budget, out_of_memory
from ft.engine.run import LiveRun
from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY

HUNGRY = f"{Path(__file__).parent / 'hungry.py'}:Hungry"
SIZES = {"train": 48, "longest": 12}
Go = Callable[..., Any]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Without dropout, whose masks differ with the cut."""
    model = tiny_bert(tmp_path_factory.mktemp("still"), VOCABULARY, dropout=0.0)
    return {"model": str(model), "learning_rate": 1e-4, "batch_size": 16, "words": SIZES}


def failures(run: Any) -> list[int]:
    path = run.output / "failures"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_smaller_passes_give_the_same_weights(
    go: Go, still: dict[str, Any], comparing: ModuleType
) -> None:
    short = go(["words", HUNGRY], hungry={"training": 100}, **still)
    small = go(["words", HUNGRY], max_tokens=100, **still)
    failed = failures(short)
    assert failed
    assert failures(small) == []
    # Each failure halves the pass, for the rest of the run.
    assert all(later <= earlier / 2 + 12 for earlier, later in pairwise(failed))
    said = [note for note in short.record["notes"] if "memory ran out" in note]
    assert len(said) == len(failed)
    assert "run.max_tokens" in said[0]
    one, other = (
        comparing.tensors(run.output / "model/model.safetensors") for run in (short, small)
    )
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-5, atol=2e-5, msg=name)
    losses = [
        [line["loss"] for line in comparing.lines(run.output / "metrics.jsonl") if "loss" in line]
        for run in (short, small)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_what_was_learnt_of_the_memory_is_kept_in_the_checkpoint(
    go: Go, still: dict[str, Any], comparing: ModuleType, tiny_model: Path, tmp_path: Path
) -> None:
    settings = still | {"model": str(tiny_model), "epochs": 2, "hungry": {"training": 100}}
    plugins = ["words", HUNGRY, "stumble"]
    whole = go(plugins, **settings)
    armed = tmp_path / "armed"
    armed.touch()
    stumble = {"armed": str(armed), "how": "int", "step": 4}
    with pytest.raises(Interrupted):
        go(plugins, output=tmp_path / "stopped", **settings, stumble=stumble)
    resumed = ft.run(resume=tmp_path / "stopped")
    assert failures(resumed) == failures(whole)
    comparing.assert_same(resumed.output, whole.output)


def test_an_example_that_does_not_fit(go: Go, still: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match=r"single example of \d+ tokens") as caught:
        go(["words", HUNGRY], hungry={"training": 5}, **still | {"words": {"train": 16}})
    assert "run.max_length" in str(caught.value)
    assert "bf16" in str(caught.value)
    assert "examples" in str(caught.value.where)


def test_an_image_that_does_not_fit_has_no_tokens_to_cut() -> None:
    run = create_autospec(LiveRun, instance=True)
    run.accelerator = SimpleNamespace(mixed_precision="no")
    with pytest.raises(TrainingError, match="memory ran out on a single example") as caught:
        Budget.of(64).shrink(run, "training", [{"pixel_values": [[0.0]], "length": 64}])
    assert "token" not in str(caught.value)
    assert "max_length" not in str(caught.value)
    assert "bf16" in str(caught.value)


def test_predictions_are_made_in_smaller_passes_too(
    go: Go, still: dict[str, Any], comparing: ModuleType
) -> None:
    short, plenty = (
        go(["words", HUNGRY], hungry={"prediction": limit}, **still) for limit in (60, 10**9)
    )
    assert any("pass of prediction" in note for note in short.record["notes"])
    ours, theirs = (
        comparing.lines(run.output / "predictions/test.jsonl") for run in (short, plenty)
    )
    assert ours == theirs
    for split, metrics in short.metrics.items():
        for name, metric in metrics.items():
            assert metric.value == pytest.approx(plenty.metrics[split][name].value, rel=1e-6)


def test_a_prediction_that_does_not_fit(go: Go, still: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="memory ran out on a single example"):
        go(["words", HUNGRY], hungry={"prediction": 5}, **still)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (MemoryError(), True),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 9 bytes. Error code 12 (Cannot allocate memory)"
            ),
            True,
        ),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("DefaultCPUAllocator: can't allocate memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected


def test_torch_says_it_in_these_words_on_this_machine() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("max_tokens", "device", "tokens"),
    [(16384, "cpu", 2048), (1000, "cpu", 1000), (16384, "cuda", 16384)],
)
def test_a_pass_of_training_holds_what_pays_on_its_device(
    max_tokens: int, device: str, tokens: int
) -> None:
    budget = Budget.of(max_tokens)
    assert budget.for_training(torch.device(device)) == tokens
    budget.training = 100  # as after memory ran out
    assert budget.for_training(torch.device(device)) == 100


def test_a_run_on_a_processor_cuts_its_batches(
    go: Go, still: dict[str, Any], comparing: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(**settings: Any) -> dict[str, torch.Tensor]:
        made = go(["words"], **settings, **still)
        found: dict[str, torch.Tensor] = comparing.tensors(made.output / "model/model.safetensors")
        return found

    whole, small = weights(), weights(max_tokens=100)
    monkeypatch.setattr("ft.engine.batch.memory.CPU_PASS", 100)
    cut = weights()
    assert all(torch.equal(cut[name], value) for name, value in small.items())
    assert not all(torch.equal(cut[name], value) for name, value in whole.items())


@pytest.mark.parametrize(
    ("max_tokens", "writes", "device", "tokens"),
    [
        (16384, False, "cpu", 2048),
        (16384, True, "cpu", 8192),
        (1000, True, "cpu", 1000),
        (16384, False, "cuda", 16384),
    ],
)
def test_a_pass_holds_more_where_texts_are_written(
    max_tokens: int, writes: bool, device: str, tokens: int
) -> None:
    model = nn.Module()
    if writes:
        model.can_generate = lambda: True  # type: ignore[assignment]
    budget = Budget.of(max_tokens)
    assert budget.for_prediction(model, torch.device(device)) == tokens
    budget.prediction = 100  # as after memory ran out
    assert budget.for_prediction(model, torch.device(device)) == 100
