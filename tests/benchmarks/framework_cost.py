"""What the framework adds to a step: ft's own step beside the same work in a bare loop.

    python tests/benchmarks/framework_cost.py --data wnut17 [--steps 150]

One model, one precision and one optimizer; within one process every batch is trained on three
times, in an order that turns: by ft's step, by ft's step with five techniques that do nothing
around every hook, and by a few lines of PyTorch. The figures are medians over the steps of the
ratio of processor seconds within a batch, which other work on the machine moves less than time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import ft
from ft.contract.model import forward
from ft.engine.batch.batches import Feature, collate
from ft.engine.loop import Loop
from ft.engine.optim.cast import CastLinear, stepping
from ft.engine.run import LiveRun
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks


class Nothing(ft.Plugin):
    """A technique that wraps what a step calls and passes everything on."""

    @ft.hookimpl
    def compute_loss(self, inner: Callable[..., Any], run: LiveRun, model: Any, batch: Any) -> Any:
        """As it was."""
        return inner(run, model, batch)

    @ft.hookimpl
    def evaluate(self, inner: Callable[..., Any], run: LiveRun, predictions: Any) -> Any:
        """As it was."""
        return inner(run, predictions)

    @ft.hookimpl
    def on_epoch_end(self, run: LiveRun, epoch: int, metrics: Any) -> None:
        """Nothing to do."""


def bare(loop: Loop, features: list[Feature]) -> None:
    """The step in PyTorch alone."""
    batch = collate(features, loop.run.tokenizer.pad_token_id or 0)
    layers = [one for one in loop.model.modules() if isinstance(one, CastLinear)]
    with stepping(layers):  # the layers are the same in both
        with loop.run.accelerator.autocast():
            logits = forward(loop.model, batch)["logits"]
            labels = batch["labels"]
            loss = torch.nn.functional.cross_entropy(
                logits.float().flatten(0, -2), labels.flatten(), ignore_index=-100, reduction="sum"
            )
        loss.backward()
        loop.optimizer.step((labels != -100).sum(), 0.5)
    loop.optimizer.zero()


class Alternating:
    """Takes the place of the loop's step and times three ways to do it."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.times: dict[str, list[float]] = {"ft": [], "ft+5": [], "bare": []}
        self._hooks: tuple[Hooks, Hooks] | None = None

    def __call__(self, loop: Loop, features: list[Feature], step: Callable[..., None]) -> None:
        """Train on a batch three times."""
        run = loop.run
        if self._hooks is None:
            members = [Member(f"nothing{i}", Nothing(), None, None) for i in range(5)]
            for member in members:
                member.plugin.seed(member.name, run.config.seed)
            crowded = Hooks([*run.hooks.members, *members], run.hooks.builtin)
            self._hooks = (run.hooks, crowded)
        ways: list[tuple[str, Callable[[], None]]] = [
            ("ft", lambda: step(loop, features)),
            ("ft+5", lambda: step(loop, features)),
            ("bare", lambda: bare(loop, features)),
        ]
        turn = len(self.times["ft"]) % 3
        for name, way in ways[turn:] + ways[:turn]:
            run.hooks = self._hooks[name == "ft+5"]
            started = time.process_time()
            way()
            self.times[name].append(time.process_time() - started)
        run.hooks = self._hooks[0]

    def report(self) -> None:
        """Print medians of the ratios."""
        for name, to in (("ft", "bare"), ("ft+5", "ft")):
            ratios = [
                a / b for a, b in zip(self.times[name][10:], self.times[to][10:], strict=True)
            ]
            quarters = statistics.quantiles(ratios, n=4)
            print(
                f"{name} to {to}: {statistics.median(ratios):.4f} "
                f"(quartiles {quarters[0]:.4f} to {quarters[2]:.4f}, {len(ratios)} steps)"
            )
        print(
            "median processor seconds a step:",
            {k: statistics.median(v) for k, v in self.times.items()},
        )


def main() -> None:
    """Train for a while; print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.conll")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=150)
    arguments = parser.parse_args()
    alternating = Alternating(arguments.steps)
    step = Loop._step
    setattr(Loop, "_step", lambda loop, features: alternating(loop, features, step))  # noqa: B010
    with tempfile.TemporaryDirectory() as name:
        ft.run(
            ["ner"],
            output=Path(name) / "run",
            **({"model": arguments.model} if arguments.model else {}),
            epochs=100,
            max_steps=2 * arguments.steps,
            batch_size=arguments.batch_size,
            ner={
                "train": str(arguments.data / "train.conll"),
                "validation": str(arguments.data / "dev.conll"),
                "limit": arguments.batch_size * arguments.steps,
            },
            report=False,
        )
    alternating.report()


if __name__ == "__main__":
    main()
