"""What is tried within a run, from one saved state: an order asked for twice, a batch cut apart."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ft.engine.randomness import random_state, set_random_state
from ft.engine.resume.checkpoint import plugin_state
from ft.engine.resume.state import load_plugin_tensors, plugin_tensors
from ft.engine.step import Step

if TYPE_CHECKING:
    from ft.engine.batch.batches import Feature
    from ft.engine.run import LiveRun

WHOLE, SINGLE = 10**9, 1
"""Tokens of a pass at most: of one over the whole batch, and of one over each example."""

TINY = 1e-5
"""A gradient shorter than this share of the loss is noise."""


class Saved:
    """What a checkpoint keeps of plugins and generators, to be put back as often as needed."""

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._states = [json.dumps(plugin_state(one)) for one in run.hooks.kept]
        self._tensors = plugin_tensors(run)
        self._own = self._generators()
        self._global = random_state()

    def _generators(self) -> list[Any]:
        return [one.plugin.rng.bit_generator.state for one in self._run.hooks.kept]

    def put_back(self) -> None:
        """Give plugins and generators what they had."""
        members = self._run.hooks.kept
        for member, state, own in zip(members, self._states, self._own, strict=True):
            member.plugin.load_state_dict(json.loads(state))
            member.plugin.rng.bit_generator.state = own
        load_plugin_tensors(self._run, {n: v.clone() for n, v in self._tensors.items()})
        set_random_state(self._global)

    def drawn(self) -> bool:
        """Whether random numbers have been drawn since."""
        return self._own != self._generators() or self._global != random_state()


def other_order(run: LiveRun, epoch: int) -> str:
    """Where the order of an epoch differs when it is asked for again; empty where it does not."""
    saved = Saved(run)
    orders = []
    for draws in (0, 0, 1):
        saved.put_back()
        for _ in range(draws):
            random.random()
            np.random.random()
            torch.rand(1)
        orders.append([_plain(one) for one in run.hooks.call("order", run, epoch)])
    saved.put_back()
    first, again, after = orders
    for other, when in ((again, ""), (after, " after others drew random numbers")):
        if other != first:
            at = next((i for i, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), 0)
            return f"asked again for epoch {epoch}{when}, order gives another [{at}]"
    return ""


def _plain(value: Any) -> Any:
    """An id, or the ids of a batch, as plain numbers."""
    return np.asarray(value).tolist()


class _Recorder:
    """Stands in the place of the optimizer, and keeps what it would have stepped with."""

    def __init__(self, model: torch.nn.Module) -> None:
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [parameter for _, parameter in named]
        self.gradients: dict[str, Tensor] = {}
        self.items = self.total = 0.0

    def step(self, items: Tensor, factor: float, total: Tensor) -> None:
        """Keep the gradients, summed over the items, with the loss."""
        self.items, self.total = float(items), float(total)
        self.gradients = {
            name: p.grad.to_dense().double()
            for name, p in zip(self.names, self.parameters, strict=True)
            if p.grad is not None
        }

    def zero(self) -> None:
        """Drop the gradients."""
        for parameter in self.parameters:
            parameter.grad = None


def cut_apart(run: LiveRun, features: list[Feature]) -> dict[str, Any]:
    """A step over the same features in one pass and in a pass each, without dropout.

    Returns:
        ``losses`` and ``items`` of both; ``gradient``: how far the gradients are apart, as a share
        of their length; ``parameter``: where they are farthest apart; ``passes``; ``drawn``: random
        numbers were drawn, so that the two cannot be compared.
    """
    assert run.model is not None
    saved, budget = Saved(run), run.budget.training
    run.model.eval()
    recorders, drawn = [], False
    for tokens in (WHOLE, SINGLE):
        saved.put_back()
        recorder: Any = _Recorder(run.model)
        recorder.zero()
        step = Step(run, recorder)
        step._on_gradients = False  # listeners would count this step among the run's
        run.budget.training = tokens
        try:
            step(features, 0.0, tuple, str)
        finally:
            run.budget.training = budget
        recorders.append(recorder)
        drawn = drawn or saved.drawn()
    saved.put_back()
    whole, single = recorders
    names = whole.gradients.keys() | single.gradients.keys()
    apart = {
        name: _length(whole.gradients.get(name, 0.0) - single.gradients.get(name, 0.0))
        for name in sorted(names)
    }
    length = max(
        sum(_length(one) ** 2 for one in recorder.gradients.values()) ** 0.5
        for recorder in recorders
    )
    length = max(length, TINY * abs(whole.total))
    return {
        "losses": [one.total for one in recorders],
        "items": [one.items for one in recorders],
        "gradient": sum(one**2 for one in apart.values()) ** 0.5 / length if length else 0.0,
        "parameter": max(apart, key=lambda name: apart[name], default=""),
        "passes": len(features),
        "drawn": drawn,
    }


def _length(value: Any) -> float:
    return float(value.norm()) if isinstance(value, Tensor) else 0.0
