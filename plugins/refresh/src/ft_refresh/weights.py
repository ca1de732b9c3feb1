"""The weights of an older run in the places where they stand in a model that has more classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ft import PluginError


@dataclass(frozen=True)
class Known:
    """A parameter that an older model has too.

    Attributes:
        value: its weights there, of the shape that it had.
        corner: where they stand in the parameter: all of it, or the rows of the old classes.
    """

    value: Tensor
    corner: tuple[slice, ...]

    def within(self, parameter: Tensor) -> Tensor:
        """The part of a parameter that the older model has too, as a view."""
        return parameter[self.corner]

    def to(self, device: torch.device) -> Known:
        """The same on a device."""
        return Known(self.value.to(device), self.corner)


def known(model: nn.Module, old: nn.Module, classes: tuple[int, int]) -> dict[str, Known]:
    """What a model has of an older one, by the names of parameters and floating-point buffers.

    Args:
        model: the new one.
        old: the older one; where a shape of the new one is larger, it is by new classes.
        classes: how many there are in the older one and in the new one.

    Raises:
        PluginError: a parameter has another shape that new classes do not explain, or the models
            have no parameter in common.
    """
    before = dict(named(old))
    found = {}
    for name, value in named(model):
        if name not in before:
            continue
        ours, theirs = before[name].shape, value.shape
        pairs = list(zip(ours, theirs, strict=False))
        if len(ours) != len(theirs) or any(a != b and (a, b) != classes for a, b in pairs):
            raise PluginError(
                f"the parameter {name} is {tuple(theirs)} here and {tuple(ours)} in the older run",
                hint="give --model the model folder of the older run",
            )
        corner = tuple(slice(0, size) for size in ours)
        found[name] = Known(before[name].detach().clone(), corner)
    if not found:
        raise PluginError(
            "the model has no parameter in common with that of the older run",
            hint="give --model the model folder of the older run, and name its plugins",
        )
    return found


def named(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and floating-point buffers by name."""
    yield from model.named_parameters()
    for name, buffer in model.named_buffers():
        if buffer.is_floating_point():
            yield name, buffer


def start_of(model: nn.Module) -> dict[str, Known]:
    """The pre-trained part of a model as it is now: what a run without an older one begins with."""
    base: Any = getattr(model, "base_model", None)
    whole = {id(one) for one in base.parameters()} if isinstance(base, nn.Module) else set()
    found = {
        name: Known(one.detach().clone(), tuple(slice(0, n) for n in one.shape))
        for name, one in model.named_parameters()
        if id(one) in whole
    }
    if base is model or not found:
        raise PluginError(
            "the model does not say which part of it is pre-trained (base_model)",
            hint="name the older run in the plugin's setting `run`",
        )
    return found


def put(model: nn.Module, weights: Mapping[str, Known]) -> None:
    """Copy the weights of an older model into the new one."""
    with torch.no_grad():
        for name, value in named(model):
            if name in weights:
                weights[name].within(value).copy_(weights[name].value)
