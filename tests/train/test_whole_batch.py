"""`whole_batch`: the loss sees the whole batch, whatever the memory and the processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from ft import Config, Loss, Plugin, PluginError, hookimpl

HERE = Path(__file__)


class PairConfig(Config):
    """Whether the plugin declares that it needs the whole batch."""

    declared: bool = True


class Pair(Plugin):
    """In-batch negatives: the first logit vectors of examples are to be told apart (SimCSE's loss)."""

    name = "pair"
    Config = PairConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.whole_batch = self.config.declared

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        inputs = {k: v for k, v in batch.items() if not k.startswith("labels")}
        words = model.get_input_embeddings()(inputs.pop("input_ids"))
        outputs = model(**inputs, inputs_embeds=words)
        vectors = functional.normalize(outputs["logits"].float().mean(1), dim=-1)
        again = model(**{k: v for k, v in batch.items() if not k.startswith("labels")})
        others = functional.normalize(again["logits"].float()[:, 0], dim=-1)
        scale = 10 * model.classifier.bias[0].exp()  # a parameter that the loss uses itself
        scores = scale * vectors @ others.T
        aims = torch.arange(len(scores), device=scores.device)
        total = functional.cross_entropy(scores, aims, reduction="sum")
        return Loss(total, float(len(scores)), {"logits": again["logits"]})

    @hookimpl
    def on_gradients(self, run: Any, model: Any) -> None:
        if run.step == 0 and run.ranks.main:
            gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            dense = {n: g.to_dense() if g.is_sparse else g for n, g in gradients.items()}
            save_file(dense, run.output / "gradients.safetensors")


class Early(Plugin):
    """Back-propagates the half of the loss early, as a technique that makes two passes does."""

    name = "early"
    early_backward = True

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        run.backward(inner(run, model, batch).times(0.5))
        return inner(run, model, batch).times(0.5)


class Norm(Plugin):
    """Puts BatchNorm into the model."""

    name = "norm"

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        run.model.norm = torch.nn.BatchNorm1d(2)


def spec(name: str) -> str:
    return f"{HERE}:{name}"


def first(run: Path, comparing: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """The mean loss of the first step, and its gradients."""
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    return line["loss"], comparing.tensors(run / "gradients.safetensors")


def test_loss_and_gradient_do_not_depend_on_memory_or_processes(
    go: Any, still: Path, comparing: Any, together: Any, tmp_path: Path
) -> None:
    """One pass, chunks of 40 tokens, and two processes with chunks: the same to 1e-5."""
    settings = {"max_steps": 1, "model": str(still), "batch_size": 16, "clip": None}
    runs = {
        tokens: go(["words", spec("Pair")], max_tokens=tokens, **settings).output
        for tokens in (8192, 40)
    }
    options = "epochs=1 batch_size=16 learning_rate=1e-3 precision=fp32 device=cpu report=false"
    arguments = ["run", "--plugins", f"{HERE.parents[1] / 'tasks.py'}:WordsTask,{spec('Pair')}"]
    for option in (*options.split(), "max_steps=1", "max_tokens=40", f"model={still}"):
        arguments += ["-o", f"run.{option}"]
    together.run([*arguments, "--output", tmp_path / "two"])
    loss, gradients = first(runs[8192], comparing)
    assert float(gradients["classifier.bias"].abs().sum()) > 0
    assert any("word_embeddings" in name for name in gradients)
    for run in (runs[40], tmp_path / "two"):
        other, others = first(run, comparing)
        assert other == pytest.approx(loss, rel=1e-5)
        assert others.keys() == gradients.keys()
        for name, value in gradients.items():
            torch.testing.assert_close(others[name], value, rtol=1e-4, atol=1e-5)


def test_without_the_declaration_the_loss_does_depend_on_memory(
    go: Any, still: Path, comparing: Any
) -> None:
    settings = {"max_steps": 1, "model": str(still), "batch_size": 16, "pair": {"declared": False}}
    losses = [
        first(go(["words", spec("Pair")], max_tokens=n, **settings).output, comparing)[0]
        for n in (8192, 40)
    ]
    assert losses[1] < 0.9 * losses[0]


def test_chunks_are_resumed_to_the_bit(resumed: Any) -> None:
    """With dropout: the second run of a chunk draws what its first run drew."""
    resumed(["words", spec("Pair")], step=8, max_tokens=40)


def test_early_backward_beside_it_needs_a_batch_in_one_pass(go: Any) -> None:
    plugins = ["words", spec("Pair"), spec("Early")]
    go(plugins, max_steps=1, batch_size=16, max_tokens=8192)
    with pytest.raises(PluginError, match="needs the whole batch in one loss") as caught:
        go(plugins, max_steps=1, batch_size=16, max_tokens=40)
    for said in ("'pair'", "'early'", "run.max_tokens", "run.batch_size"):
        assert said in str(caught.value)


def test_batch_norm_is_refused(go: Any) -> None:
    with pytest.raises(PluginError, match="BatchNorm"):
        go(["texts", spec("Norm"), spec("Pair")])
