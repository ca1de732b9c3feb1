"""Calibration: see what the linear layers of a model get while a run predicts, and make a plan for 8 bits of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.activations import GELUActivation

from ft import UserError
from ft_export.form.stacks import stack_of
from ft_export.form.torch_int8 import Inputs, Int8Linear, Layer, Plan, in_int8, multiplied
from ft_export.form.watch import Strays, Uses, outermost, removed

SMALLEST = 1 << 14
"""Weights of a layer below which 8 bits save nothing."""

STRENGTHS = (0.5, 0.65, 0.8, 0.9)
"""Smoothing strengths (alpha of SmoothQuant) that are tried."""

APART = (0, 1, 2, 4, 8)
"""Numbers of outlier channels behind a GELU that are tried."""

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Shares of the range seen that are tried: values beyond are clipped, and the steps between are smaller."""

ENOUGH = 1.1
"""An error is as good as the least one if it is at most so many times as large, and fewer channels are apart."""

LEAST = 1e-5
"""What a channel is divided by at least."""

ROWS, EACH = 1024, 64
"""Inputs of a layer that are kept, and those of one call among them at most."""


@dataclass
class Range:
    """What the inputs of layers were.

    Attributes:
        low: the least of each channel, (inputs,).
        high: the largest, (inputs,).
        rows: some of them, (rows, inputs) each.
    """

    low: Tensor
    high: Tensor
    rows: list[Tensor] = field(default_factory=list)

    def take(self, values: Tensor) -> None:
        """Widen it by values, (..., inputs)."""
        rows = values.detach().float().flatten(0, -2)
        if len(rows):
            self.low = torch.minimum(self.low, rows.amin(0))
            self.high = torch.maximum(self.high, rows.amax(0))
        if sum(map(len, self.rows)) < ROWS:
            self.rows.append(rows[:: max(1, len(rows) // EACH)].clone())

    def inputs(self, weights: Sequence[Tensor], behind_gelu: bool) -> tuple[Inputs, float]:
        """How these inputs are quantised, chosen by the error of the outputs.

        Args:
            weights: of the layers that get them, (outputs, inputs) each.
            behind_gelu: they come as integers from a layer with a GELU, so that channels are not divided.

        Returns:
            That, and the error as a share of the outputs.
        """
        weight, rows = torch.cat([one.detach().float() for one in weights]), torch.cat(self.rows)
        exact = rows @ weight.T
        size = exact.norm().clamp_min(LEAST)
        tried = [
            (one, float((multiplied(rows, weight, one) - exact).norm() / size))
            for one in (self._behind_gelu() if behind_gelu else self._smoothed(weight))
        ]
        least = min(error for _, error in tried)
        return next(one for one in tried if one[1] <= least * (ENOUGH if behind_gelu else 1))

    def _smoothed(self, weight: Tensor) -> Iterator[Inputs]:
        largest = torch.maximum(self.low.abs(), self.high.abs())
        heaviest = weight.abs().amax(0).clamp_min(LEAST)
        for strength in STRENGTHS:
            smooth = largest.pow(strength) / heaviest.pow(1 - strength)
            smooth = (smooth / smooth.mean().clamp_min(LEAST)).clamp_min(LEAST)
            low, high = self.low / smooth, self.high / smooth
            yield from (_within(low * share, high * share, smooth) for share in SHARES)

    def _behind_gelu(self) -> Iterator[Inputs]:
        order = self.high.argsort(descending=True)
        for number in (one for one in APART if one < len(order)):
            high = self.high[order[number:]].amax()
            plain = torch.ones_like(self.low)
            for share in SHARES:
                yield _within(self.low, high * share, plain, order[:number].tolist())


def _within(low: Tensor, high: Tensor, smooth: Tensor, apart: Sequence[int] = ()) -> Inputs:
    least, most = min(0.0, float(low.min())), max(0.0, float(high.max()))
    scale = (most - least) / 255 or 1.0
    return Inputs(scale, round(-least / scale), smooth, apart)


@dataclass
class Observed:
    """How linear layers of a model were called.

    Attributes:
        layers: by name.
        sharing: for each the first layer, in order of the calls, that was always called with the same inputs.
        activations: for a layer whose outputs were used by a GELU alone: that module's name and kind.
        behind: for the first of the layers that share inputs, the layer whose GELU gives them, where nobody else uses them.
        ranges: of the inputs, by the first of the layers that share them.
    """

    layers: dict[str, nn.Linear]
    sharing: dict[str, str] = field(default_factory=dict)
    activations: dict[str, tuple[str, str]] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)
    _made: dict[str, tuple[Inputs, float]] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, str]:
        """The key of the inputs of each layer that is the first of those that share them."""
        return {first: f"inputs{i}" for i, first in enumerate(dict.fromkeys(self.sharing.values()))}

    def together(self, first: str | None) -> list[str]:
        """The layers that share the inputs of one of them."""
        return [name for name, one in self.sharing.items() if one == first]

    def plan(self, left_out: Collection[str] = ()) -> Plan:
        """The plan for all layers but those of some stacks, named as `stack_of` does."""
        kept = [name for name in self.sharing if stack_of(name) not in left_out]
        keys = self.keys
        layers = []
        for name in kept:
            activation, gelu = self.activations.get(name, (None, None))
            first = next((one for one, before in self.behind.items() if before == name), None)
            whole = first is not None and all(one in kept for one in self.together(first))
            key = keys[first] if first is not None and whole else None
            layers.append(Layer(name, keys[self.sharing[name]], activation, gelu, key))
        used = {one.inputs for one in layers}
        inputs = {key: self._inputs(first)[0] for first, key in keys.items() if key in used}
        return Plan(layers, inputs)

    def harm(self) -> dict[str, float]:
        """The error of the outputs of each stack's layers in 8 bits, as a share of their size, the worst first."""
        found: dict[str, float] = {}
        for name, first in self.sharing.items():
            stack = stack_of(name)
            found[stack] = max(found.get(stack, 0.0), self._inputs(first)[1])
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def in_floats(self, keys: Collection[str]) -> None:
        """Let some inputs that come from a GELU come as floats."""
        for first, key in self.keys.items():
            if key in keys:
                del self.behind[first]
                self._made.pop(first, None)

    def _inputs(self, first: str) -> tuple[Inputs, float]:
        if first not in self._made:
            weights = [self.layers[name].weight for name in self.together(first)]
            self._made[first] = self.ranges[first].inputs(weights, first in self.behind)
        return self._made[first]


def observe(model: nn.Module, few: Callable[[], object], many: Callable[[], object]) -> Observed:
    """See how the linear layers of a model are called.

    Args:
        model: of a run, that computes in float32.
        few: predicts a few examples: enough to see which layers belong together.
        many: predicts as many as it takes to know the ranges.

    Raises:
        UserError: there is no layer that 8 bits could help.
    """
    found = Observed({name: one for name, one in model.named_modules() if _suits(one)})
    _see_calls(model, found, few)
    if not found.sharing:
        raise UserError(
            "this run's model has no linear layer that is large enough for --int8 to help",
            hint="use the run as it is",
        )
    firsts = dict.fromkeys(found.sharing.values())
    hooks = [
        found.layers[one].register_forward_pre_hook(_taking(found.ranges[one])) for one in firsts
    ]
    with removed(hooks):
        many()
    while strays := _strays(model, found.plan(), few):
        found.in_floats(strays)
    return found


def _suits(module: nn.Module) -> bool:
    """Whether it is a plain linear layer, or one of ft's that does the same, and large enough."""
    return (
        isinstance(module, nn.Linear)
        and type(module).__module__.startswith(("torch.nn.modules.", "ft."))
        and "weight" in module._parameters
        and module.weight.dtype is torch.float32
        and module.weight.numel() >= SMALLEST
    )


def _gelu_of(module: nn.Module) -> str | None:
    """The kind of GELU that a module is; ``None`` where it is none that oneDNN computes alike."""
    if type(module) is nn.GELU:
        return module.approximate
    plain = type(module) is GELUActivation and module.act is functional.gelu
    return "none" if plain else None


def _see_calls(model: nn.Module, found: Observed, few: Callable[[], object]) -> None:
    """Find out which layers share their inputs, and which GELU alone uses the outputs of a layer."""
    gets: dict[str, list[int]] = {}
    gives: dict[str, list[int]] = {}
    uses = Uses()

    def called(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
            plain = len(given) == 1 and given[0].ndim > 1
            gets.setdefault(name, []).append(uses.number(given[0]) if plain else 0)
            gives.setdefault(name, []).append(uses.number(output))

        return hook

    def given_back(value: Tensor) -> None:
        uses.of[uses.number(value)] += 1

    names = Counter(id(one) for _, one in model.named_modules(remove_duplicate=False))
    kinds = {name: _gelu_of(one) for name, one in model.named_modules() if names[id(one)] == 1}
    gelus = {name: kind for name, kind in kinds.items() if kind is not None}
    watched = [*found.layers, *gelus]
    hooks = [model.get_submodule(one).register_forward_hook(called(one)) for one in watched]
    with outermost(model, given_back), removed(hooks), uses:
        few()
    firsts: dict[tuple[int, ...], str] = {}
    for name in (one for one in gets if one in found.layers and 0 not in gets[one]):
        found.sharing[name] = first = firsts.setdefault(tuple(gets[name]), name)
        size = found.layers[name].in_features
        low, high = torch.full((size,), torch.inf), torch.full((size,), -torch.inf)
        found.ranges.setdefault(first, Range(low, high))
    sources = {tuple(numbers): name for name, numbers in gives.items() if name in found.sharing}
    for name, kind in gelus.items():
        before = sources.get(tuple(gets.get(name, ())))
        if before is not None and all(uses.of[one] == 1 for one in gives[before]):
            found.activations[before] = name, kind
    for before, (name, _) in found.activations.items():
        first = firsts.get(tuple(gives[name]))
        together = found.together(first)
        # A layer that has a GELU of its own adds nothing behind its product.
        alone = first is not None and not any(one in found.activations for one in together)
        if alone and all(uses.of[one] == len(together) for one in gives[name]):
            found.behind[str(first)] = before


def _strays(model: nn.Module, plan: Plan, few: Callable[[], object]) -> set[str]:
    """The keys of inputs whose integers get elsewhere than into layers of 8 bits, such as by a branch on their type."""
    seen = Strays()
    keys = {layer.name: layer.outputs for layer in plan.layers if layer.outputs}

    def enter(*_: Any) -> None:
        seen.inside += 1

    def leave(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            seen.inside -= 1
            if name in keys and isinstance(output, Tensor):
                seen.owned[output] = keys[name]

        return hook

    def given_back(value: Tensor) -> None:
        if value in seen.owned:
            seen.found.add(seen.owned[value])

    with in_int8(model, plan):
        hooks = []
        for name, module in model.named_modules():
            if isinstance(module, Int8Linear):
                hooks.append(module.register_forward_pre_hook(enter))
                hooks.append(module.register_forward_hook(leave(name), always_call=True))
        with outermost(model, given_back), removed(hooks), seen:
            try:
                few()
            except Exception:
                if not seen.found:
                    raise
    return seen.found


def _taking(into: Range) -> Callable[..., None]:
    def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
        if given and given[0].ndim > 1:
            into.take(given[0])

    return hook
