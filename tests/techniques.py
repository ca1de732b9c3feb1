"""Small techniques for tests of the core: one counts, one has state of every kind, one fails."""

from __future__ import annotations

import copy
import json
import os
import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from ft import Config, Loss, Plugin, hookimpl


class Count(Plugin):
    """Counts the micro-batches of training and the model's forward passes within them."""

    name = "count"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.batches: list[int] = []

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> Loss:
        self.batches.append(0)

        def count(*_: Any) -> None:
            self.batches[-1] += 1

        handle = model.register_forward_hook(count)
        try:
            return inner(run, model, batch)
        finally:
            handle.remove()

    @hookimpl
    def on_run_end(self, run: Any) -> None:
        (run.output / "forwards.json").write_text(json.dumps(self.batches))


class LowRank(nn.Linear):
    """A linear layer that stays as it is, and a product of two thin matrices beside it that learns."""

    def __init__(self, plain: nn.Linear, rank: int = 2) -> None:
        super().__init__(plain.in_features, plain.out_features)
        self.load_state_dict(plain.state_dict())
        self.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, plain.in_features) / plain.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(plain.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + x @ self.down.T @ self.up.T


class Lora(Plugin):
    """Low-rank adapters of attention (Hu et al. 2022): the encoder's own weights stand still."""

    name = "lora"

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Any, data: Any) -> nn.Module:
        model: Any = inner(run, data)
        encoder = model.base_model
        encoder.requires_grad_(False)
        for module in list(encoder.modules()):
            for name, child in list(module.named_children()):
                if name in ("query", "value"):
                    setattr(module, name, LowRank(child))
        if run.restored:
            saved = load_file(Path(run.model_path) / "model.safetensors")
            with torch.no_grad():
                for name, parameter in encoder.named_parameters():
                    if name.endswith((".down", ".up")):
                        (key,) = (key for key in saved if key.endswith(name))
                        parameter.copy_(saved[key])
        return model


class Distill(Plugin):
    """Divergence from a teacher, here the model as it began, under the same inputs."""

    name = "distill"
    needs_graph = True

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        self.teacher = copy.deepcopy(run.model).eval().requires_grad_(False)

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> Loss:
        loss = inner(run, model, batch)
        with torch.no_grad():
            aims = run.loss(self.teacher, batch).outputs
        apart = [
            (value - aims[name]).square().sum()
            for name, value in loss.outputs.items()
            if name in aims and value.requires_grad
        ]
        return loss.plus(0.1 * torch.stack(apart).sum(), "distill")


class Wobble(Plugin):
    """Uses every source of random numbers, has state, logs, and has a part in double precision."""

    name = "wobble"

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.calls = 0
        self.mean = 0.0

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> Loss:
        loss = inner(run, model, batch)
        self.calls += 1
        self.mean += (float(loss.total.detach() / loss.items) - self.mean) / self.calls
        factor = 1 + 0.1 * (
            self.rng.random()
            + random.random()
            + np.random.random()
            + float(torch.rand(()))
            + self.mean * (self.calls % 3)
        )
        run.log(self, "factor", factor)
        part = loss.total.detach().double() / 3
        return replace(loss, total=factor * loss.total, parts={**loss.parts, "third": part})

    @hookimpl
    def on_epoch_end(self, run: Any, epoch: int) -> None:
        run.log(self, "epochs", epoch + self.rng.random())

    def state_dict(self) -> dict[str, Any]:
        return {"calls": self.calls, "mean": self.mean}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.calls, self.mean = state.get("calls", 0), state.get("mean", 0.0)


class Redraw(Plugin):
    """Alters what is encoded for training by the numbers that `rng_at` gives."""

    name = "redraw"

    @hookimpl
    def encode(
        self, inner: Callable[..., Any], run: Any, examples: Mapping[str, Any], training: bool
    ) -> Any:
        if not training:
            return inner(run, examples, training)
        column = run.data.schema.words.tokens if run.data.schema.words else "text"
        new = []
        for row, value in zip(examples["example_id"], examples[column], strict=True):
            words = list(value) if isinstance(value, list) else value.split()
            words[self.rng_at(run.epoch, row).integers(len(words))] = "house"
            new.append(words if isinstance(value, list) else " ".join(words))
        return inner(run, {**examples, column: new}, training)


SIGNALS = {
    "kill": [signal.SIGKILL],
    "int": [signal.SIGINT],
    "term": [signal.SIGTERM],
    "twice": [signal.SIGINT, signal.SIGINT],
}


class StumbleConfig(Config):
    """When to fail, and how.

    Attributes:
        armed: fail only while this file is there, and remove it.
        hook: where to fail.
        step: when, counted from 1.
        how: an exception, a loss that is not a number, or signals to the own process.
        stop: the step in which to ask the run to end, armed or not.
    """

    armed: str = "/nowhere"
    hook: Literal["compute_loss", "evaluate", "on_epoch_end"] = "compute_loss"
    step: int = 1
    how: Literal["raise", "diverge", "kill", "int", "term", "twice"] = "raise"
    stop: int | None = None


class Stumble(Plugin):
    """Fails once, in the step (counted from 1) and hook that it is told."""

    name = "stumble"
    Config = StumbleConfig

    def _strikes(self, hook: str, step: int) -> bool:
        """Whether it is time to fail; exceptions are raised and signals sent at once."""
        config, armed = self.config, Path(self.config.armed)
        if config.hook != hook or config.step != step or not armed.exists():
            return False
        try:
            armed.unlink()
        except FileNotFoundError:  # another process of the run was faster
            return False
        if config.how == "raise":
            raise RuntimeError("stumbled")
        for number in SIGNALS.get(config.how, ()):
            os.kill(os.getpid(), number)
        return True

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> Loss:
        loss = inner(run, model, batch)
        struck = self._strikes("compute_loss", run.step + 1)
        if struck and self.config.how == "diverge":
            return replace(loss, total=loss.total * float("nan"))
        if self.config.stop == run.step + 1:
            run.stop(self, "enough")
        return loss

    @hookimpl
    def evaluate(self, inner: Callable[..., Any], run: Any, predictions: Any) -> Any:
        self._strikes("evaluate", run.step)
        return inner(run, predictions)

    @hookimpl
    def on_epoch_end(self, run: Any) -> None:
        self._strikes("on_epoch_end", run.step)
