"""Runs: what they say, save, keep and load again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ft
from ft import Plugin, hookimpl
from ft_kit import TEXTS, WORDS
from ft_kit.compare import differences, tensors

METHODS = [
    *("lora", "adapter", "prefix"),
    *(
        pytest.param(one, marks=pytest.mark.long)
        for one in ("adalora", "ia3", "bitfit", "prompt", "ptuning")
    ),
]
PLAIN = ("lora", "adalora", "ia3", "bitfit")
"""Methods that save one plain model."""


class Stop(Plugin):
    """Stops the run in its sixth step, once: the file says that it has not yet."""

    name = "stop"

    @hookimpl
    def on_step(self, run: Any, step: int) -> None:
        armed = Path(run.output).parent / "armed"
        if step == 5 and armed.exists():
            armed.unlink()
            raise RuntimeError("stopped")


@pytest.mark.parametrize("method", METHODS)
def test_a_run_leaves_a_model_that_answers_as_it_was_scored(
    ft_run: Any, ft_tiny_model: Path, method: str
) -> None:
    task = WORDS if method in ("ia3", "prompt", "adapter") else TEXTS
    output = ft_run([task, "peft"], epochs=2, max_length=32, peft={"method": method}).output
    record = json.loads((output / "record.json").read_text())
    (said,) = [note for note in record["notes"] if note.startswith(f"the method {method} trains")]
    assert "of the head" in said
    scores = {name: one["value"] for name, one in record["metrics"]["test"].items()}
    again = ft.evaluate(output).metrics["test"]
    assert {name: one.value for name, one in again.items()} == pytest.approx(scores, abs=1e-6)
    place = output / "model" if method in PLAIN else output / "model" / "base"
    assert (place / "model.safetensors").is_file()
    assert (output / "model" / "model.safetensors").is_file() == (method in PLAIN)
    before = tensors(ft_tiny_model / "model.safetensors")
    after = tensors(place / "model.safetensors")
    changed = [
        n
        for n, v in before.items()
        if f"bert.{n}" in after and not torch.equal(v, after[f"bert.{n}"])
    ]
    if method not in PLAIN:
        assert changed == []
    elif method == "bitfit":
        assert changed
        assert all(name.endswith("bias") for name in changed)
    else:
        assert changed
        assert not any("embeddings" in name or "LayerNorm" in name for name in changed)
    (last,) = (output / "checkpoints").glob("step-*")
    kept = tensors(last / "model.safetensors")
    assert kept
    assert not any(name.endswith("word_embeddings.weight") for name in kept)


@pytest.mark.parametrize(
    "method",
    ["adalora", *(pytest.param(one, marks=pytest.mark.long) for one in ("lora", "prefix"))],
)
def test_a_stopped_run_goes_on_as_if_it_had_not(ft_run: Any, tmp_path: Path, method: str) -> None:
    def go(name: str) -> Any:
        more = {"epochs": 3, "max_steps": None, "checkpoint_steps": 2, "output": tmp_path / name}
        settings = {"method": method, **({"dropout": 0.1} if method == "lora" else {})}
        return ft_run([TEXTS, "peft", f"{__file__}:Stop"], max_length=32, peft=settings, **more)

    go("whole")
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError, match="stopped"):
        go("stopped")
    ft.run(resume=tmp_path / "stopped")
    found = differences(tmp_path / "stopped", tmp_path / "whole", "peft")
    assert found == []


def test_adalora_leaves_the_ranks_of_its_budget(ft_run: Any) -> None:
    settings = {"method": "adalora", "rank": 2}
    output = ft_run([TEXTS, "peft"], epochs=6, max_steps=None, peft=settings).output
    (last,) = (output / "checkpoints").glob("step-*")  # the best model may be an earlier one
    kept = tensors(last / "model.safetensors")
    values = [value for name, value in kept.items() if ".lora_E." in name]
    assert len(values) == 4
    assert all(len(value) == 3 for value in values)
    assert sum(int((value != 0).sum()) for value in values) == 4 * 2
    lines = [json.loads(line) for line in (output / "metrics.jsonl").open()]
    logged = [line for line in lines if "peft/orthogonal" in line]
    assert logged


def test_models_on_one_base_hold_its_weights_once(ft_run: Any) -> None:
    runs = [
        ft_run([task, "peft"], epochs=1, seed=seed, peft={"merge": False}).output
        for seed, task in enumerate((TEXTS, WORDS))
    ]
    first, second = (ft.load(run) for run in runs)
    ours = dict(first.model.named_parameters())
    theirs = dict(second.model.named_parameters())
    shared = {n for n, p in ours.items() if n in theirs and theirs[n] is p}
    wide = {n for n, p in ours.items() if n.startswith("bert.") and p.numel() >= 1024}
    assert {n for n in wide if "lora_" not in n and "pooler" not in n} <= shared
    assert not any("lora_" in name for name in shared)
    alone = ft.load(runs[0]).predict("anna saw paris")
    assert first.predict("anna saw paris") == alone
    before = ours["bert.embeddings.word_embeddings.weight"]
    with torch.no_grad():
        before.add_(1)  # who changes a model in memory changes no model that is loaded later
    fresh = dict(ft.load(runs[0]).model.named_parameters())
    assert fresh["bert.embeddings.word_embeddings.weight"] is not before
    assert ft.load(runs[0]).predict("anna saw paris") == alone


def test_virtual_tokens_need_room(ft_run: Any) -> None:
    with pytest.raises(ft.ConfigError, match="10 virtual tokens and windows of 64") as refused:
        ft_run([TEXTS, "peft"], epochs=1, max_length=64, peft={"method": "prompt"})
    assert refused.value.hint == "set it to 54 at most"
    assert refused.value.where == "run.max_length"
    with pytest.raises(ft.ConfigError, match="set it to less than 64") as refused:
        ft_run([TEXTS, "peft"], epochs=1, peft={"method": "prompt", "tokens": 64})
    assert refused.value.where == "peft.tokens"


def test_an_encoder_that_shall_stay_has_no_adapter(ft_run: Any) -> None:
    with pytest.raises(ft.ConfigError, match="nothing of the encoder learns"):
        ft_run([TEXTS, "peft"], epochs=1, freeze="encoder")


def test_the_learning_rate_is_the_methods_unless_the_user_gives_one() -> None:
    plugins = [TEXTS, "peft"]
    assert ft.resolve(plugins).run.learning_rate == 2e-3
    assert ft.resolve(plugins, values={"peft.method": "ia3"}).run.learning_rate == 1e-2
    given = ft.resolve(plugins, values={"run.learning_rate": 1e-4}).run
    assert (given.learning_rate, given.weight_decay) == (1e-4, 0.0)


@pytest.mark.long
def test_a_checkpoint_on_the_starter_is_under_two_megabytes(ft_run: Any) -> None:
    output = ft_run(
        [TEXTS, "peft"], max_steps=2, checkpoint_steps=1, model=str(ft.starter("model"))
    ).output
    for path in (output / "checkpoints").glob("step-*"):
        kept = tensors(path / "model.safetensors")
        assert sum("lora_B" in name for name in kept) == 12
        assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) < 2_000_000
    assert (output / "model" / "model.safetensors").stat().st_size > 80_000_000
