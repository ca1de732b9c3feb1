"""What a model's linear layers get and give while a run predicts, and the plan for 8 bits that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers.activations import GELUActivation

from ft import UserError
from ft_export.form.onnx_int8 import stack_of
from ft_export.form.torch_int8 import Inputs, Layer, Plan, multiplied

SMALLEST = 1 << 14
"""Weights of a layer below which integers save nothing."""

STRENGTHS = (0.5, 0.65, 0.8, 0.9)
"""How much of the spread between inputs is moved to the weights (alpha of SmoothQuant): what is tried."""

APART = (0, 1, 2, 4, 8)
"""How many of the largest inputs behind a GELU have what is beyond the range computed apart: what is tried."""

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Parts of a range that are tried: what is beyond them becomes its end, and the steps between are smaller."""

ENOUGH = 1.1
"""So many times the least error is as good, with fewer inputs apart."""

LEAST = 1e-5
"""What an input is divided by at least."""

ROWS, EACH = 1024, 64
"""Inputs of a layer that are kept, and those of one call among them at most."""


@dataclass
class Range:
    """What the inputs of layers were.

    Attributes:
        low: the least of each, (inputs,).
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
        """How these inputs are made integers, chosen by the error of the outputs.

        Args:
            weights: of the layers that get them, (outputs, inputs) each.
            behind_gelu: they come as integers from a layer with a GELU, so that none has a divisor of its own.

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
        for count in (one for one in APART if one < len(order)):
            high = self.high[order[count:]].amax()
            plain = torch.ones_like(self.low)
            for share in SHARES:
                yield _within(self.low, high * share, plain, order[:count].tolist())


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
        activations: for a layer all whose outputs went to a GELU and nothing else's did: that module's name and kind.
        behind: for the first of the layers that share inputs, the layer behind whose GELU they stand.
        ranges: of the inputs, by the first of the layers that share them.
    """

    layers: dict[str, nn.Linear]
    sharing: dict[str, str] = field(default_factory=dict)
    activations: dict[str, tuple[str, str]] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)
    _made: dict[str, tuple[Inputs, float]] = field(default_factory=dict)

    def plan(self, left_out: Sequence[str] = ()) -> Plan:
        """The plan for all layers but those of some stacks, named as `stack_of` does."""
        kept = [name for name in self.sharing if stack_of(name) not in left_out]
        keys = {first: f"inputs{i}" for i, first in enumerate(dict.fromkeys(self.sharing.values()))}
        layers = []
        for name in kept:
            activation, gelu = self.activations.get(name, (None, None))
            first = next((one for one, before in self.behind.items() if before == name), None)
            together = [one for one, other in self.sharing.items() if other == first]
            whole = first is not None and all(one in kept for one in together)
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

    def _inputs(self, first: str) -> tuple[Inputs, float]:
        if first not in self._made:
            weights = [self.layers[k].weight for k, one in self.sharing.items() if one == first]
            self._made[first] = self.ranges[first].inputs(weights, first in self.behind)
        return self._made[first]


def observe(model: nn.Module, few: Callable[[], object], many: Callable[[], object]) -> Observed:
    """See how the linear layers of a model are called.

    Args:
        model: of a run.
        few: predicts a few examples; all that the layers get and give is in memory meanwhile.
        many: predicts as many as it takes to know the ranges.

    Raises:
        UserError: there is no layer that 8 bits could help.
    """
    found = Observed({name: one for name, one in model.named_modules() if _suits(one)})
    with _calls(model, found):
        few()
    if not found.sharing:
        raise UserError(
            "this run's model has no linear layer that is large enough for --int8 to help",
            hint="use the run as it is",
        )
    with _hooked(
        [
            found.layers[first].register_forward_pre_hook(_taking(found.ranges[first]))
            for first in dict.fromkeys(found.sharing.values())
        ]
    ):
        many()
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


class _Uses(TorchFunctionMode):
    """Counts what is made of each tensor: a GELU that others look at as well cannot become integers."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[Tensor] = []  # a tensor that is gone leaves its id to another
        self.of: Counter[int] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            given = [one for one in (*args, *(kwargs or {}).values()) if isinstance(one, Tensor)]
            self.alive += [*given, made]
            self.of.update({id(one) for one in given} - {id(made)})
        return made


@contextmanager
def _calls(model: nn.Module, found: Observed) -> Iterator[None]:
    """Find out which layers share their inputs, and which GELU gets the outputs of a layer alone."""
    gets: dict[str, list[int]] = {}
    gives: dict[str, list[int]] = {}
    uses = _Uses()

    def called(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            uses.alive.append(output)
            plain = len(given) == 1 and given[0].ndim > 1
            gets.setdefault(name, []).append(id(given[0]) if plain else -1)
            gives.setdefault(name, []).append(id(output))

        return hook

    gelus = {name: _gelu_of(one) for name, one in model.named_modules()}
    kinds = {name: kind for name, kind in gelus.items() if kind is not None}
    watched = [*found.layers, *kinds]
    hooks = [model.get_submodule(one).register_forward_hook(called(one)) for one in watched]
    with _hooked(hooks), uses:
        yield
    firsts: dict[tuple[int, ...], str] = {}
    for name in (one for one in gets if one in found.layers and -1 not in gets[one]):
        found.sharing[name] = first = firsts.setdefault(tuple(gets[name]), name)
        size = found.layers[name].in_features
        low, high = torch.full((size,), torch.inf), torch.full((size,), -torch.inf)
        found.ranges.setdefault(first, Range(low, high))
    sources = {tuple(ids): name for name, ids in gives.items() if name in found.sharing}
    for name, kind in kinds.items():
        before = sources.get(tuple(gets.get(name, ())))
        if before is None or any(uses.of[one] > 1 for one in gives[before]):
            continue
        found.activations[before] = name, kind
        first = firsts.get(tuple(gives[name]))
        together = [one for one in found.sharing if found.sharing[one] == first]
        if first is not None and all(uses.of[one] == len(together) for one in gives[name]):
            found.behind[first] = before


def _taking(into: Range) -> Callable[..., None]:
    def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
        into.take(given[0])

    return hook


@contextmanager
def _hooked(hooks: Sequence[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
