"""What a hook call costs beside the plugin's own work, and its share of a training step.

    python tests/benchmarks/hook_cost.py

One provider and four techniques with empty bodies around `compute_loss`: the chain is compared with
the same five methods nested by hand. The difference is composition and accounting. It is set
against one step (forward, backward, AdamW) of a small BERT, the worst case: larger models take
longer a step and the hooks no longer. Each figure is the best of several repetitions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import torch

from ft import Loss, Plugin, hookimpl
from ft.builtin.standard.plugin import Standard
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks
from ft.hooks.trace import Trace

TECHNIQUES = 4


class Task(Standard):
    """Provides what a run needs, and does nothing."""

    @hookimpl
    def load_data(self, run: Any) -> Any:
        return None

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> Any:
        return None

    @hookimpl
    def build_head(self, run: Any, data: Any) -> Any:
        return None

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> Any:
        return batch

    @hookimpl
    def decode(self, run: Any, outputs: Any, examples: Any) -> Any:
        return None

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Any:
        return None

    @hookimpl
    def read_request(self, run: Any, request: Any) -> Any:
        return None


class Technique(Plugin):
    """Wraps the loss and does nothing."""

    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        return inner(run, model, batch)


def hooks(trace: Trace | None = None) -> Hooks:
    members = [Member(f"technique{i}", Technique(), None, None) for i in range(TECHNIQUES)]
    core = Member("core", Task(), None, None)
    for member in [*members, core]:
        member.plugin.seed(member.name, 0)
    return Hooks(members, [core], trace=trace)


def by_hand(made: Hooks) -> Callable[..., Any]:
    """The same methods, nested without ft."""
    core: Any = made.builtin[0].plugin
    chain: Callable[..., Any] = core.compute_loss
    for member in made.members:
        technique: Any = member.plugin
        chain = _nested(technique.compute_loss, chain)
    return chain


def _nested(method: Callable[..., Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    return lambda run, model, batch: method(inner, run, model, batch)


def seconds(call: Callable[[], Any], number: int, repetitions: int) -> float:
    """The best mean time of a call."""
    best = float("inf")
    for _ in range(repetitions):
        started = perf_counter()
        for _ in range(number):
            call()
        best = min(best, (perf_counter() - started) / number)
    return best


def step_seconds(repetitions: int) -> float:
    """One training step of a BERT of 2 layers and 128 dimensions on 8 sentences of 32 tokens."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.set_num_threads(1)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=1000,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=512,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    ids, labels = torch.randint(0, 1000, (8, 32)), torch.randint(0, 2, (8,))

    def step() -> None:
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return seconds(step, 5, repetitions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=15)
    repetitions = parser.parse_args().repetitions
    made, loss = hooks(), Loss(torch.zeros(()), torch.ones(()))
    bare, calls = by_hand(made), TECHNIQUES + 1

    def through(chain: Hooks) -> Callable[[], Any]:
        return lambda: chain.call("compute_loss", None, None, loss)

    plain = seconds(lambda: bare(None, None, loss), 2000, repetitions)
    chained = seconds(through(made), 2000, repetitions)
    with TemporaryDirectory() as folder:
        where = SimpleNamespace(epoch=1, step=1)
        trace = Trace(Path(folder) / "trace.json", lambda: vars(where), most=1_000_000)
        traced = seconds(through(hooks(trace)), 200, repetitions)
        trace.close()
    step = step_seconds(repetitions)
    overhead = chained - plain
    print(
        json.dumps(
            {
                "calls": calls,
                "by_hand_us": round(plain * 1e6, 2),
                "chain_us": round(chained * 1e6, 2),
                "overhead_us_a_call": round(overhead / calls * 1e6, 2),
                "traced_us_a_call": round((traced - plain) / calls * 1e6, 2),
                "step_ms": round(step * 1e3, 2),
                "overhead_share_of_step": round(overhead / step, 6),
                "shortest_step_under_half_a_percent_ms": round(overhead / 0.005 * 1e3, 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
