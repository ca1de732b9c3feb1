"""How a run calls its model: the inputs of each call, kept while the run predicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ft import UserError

Call = Mapping[str, Tensor]
"""Inputs of a model by name, each (batch, ...)."""

KEPT = 24
"""Calls that are kept of each kind."""


@dataclass
class Calls:
    """The calls of a model.

    Attributes:
        kinds: the first calls with each set of inputs, on the CPU.
        parts: modules inside of the model that were called by others than the model itself.
        positional: whether there was a call with inputs that have no name.
        objects: names of inputs that are no tensors, such as a cache of what was written before.
        rounded: whether the model computes in fewer bits than float32, as exported models do not.
    """

    kinds: dict[frozenset[str], list[Call]] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)
    positional: bool = False
    objects: set[str] = field(default_factory=set)
    rounded: bool = False

    def keep(self, inputs: Mapping[str, Any]) -> None:
        """Keep a copy of the inputs of a call."""
        tensors = {name: one for name, one in inputs.items() if isinstance(one, Tensor)}
        given = {name for name, one in inputs.items() if one is not None}
        self.objects |= given - tensors.keys()
        calls = self.kinds.setdefault(frozenset(tensors), [])
        if len(calls) < KEPT:
            calls.append({name: one.detach().cpu().clone() for name, one in tensors.items()})

    @property
    def whole(self) -> bool:
        """Whether the model itself was called, with nothing but tensors that have names."""
        return bool(self.kinds) and not (self.parts or self.positional or self.objects)

    def check(self) -> None:
        """See that the model is used in a way that an exported model can stand in for.

        Raises:
            UserError: it is not.
        """
        if self.parts:
            part = min(self.parts, key=len)
            why = f"a plugin of this run calls a part of the model by itself ('{part}')"
        elif self.positional:
            why = "a plugin of this run gives the model inputs without names"
        elif self.objects:
            name = min(self.objects)
            why = f"a plugin of this run gives the model an input that is no tensor ('{name}')"
        elif not self.kinds:
            why = "predicting with this run does not call its model"
        else:
            return
        raise UserError(
            f"this run cannot be exported: {why}, which an exported model cannot take part in"
        )


def whole_calls(model: nn.Module) -> Mapping[str, str]:
    """The modules inside that are called in the place of a model, such as those of several tasks.

    The model says so by its attribute of that name. Each comes with what the names of its outputs begin
    with among those of the whole.
    """
    found: Mapping[str, str] = getattr(model, "whole_calls", {})
    return found


@contextmanager
def recorded(model: nn.Module) -> Iterator[Calls]:
    """Keep the calls that are made of a model meanwhile.

    Calls of the modules inside that `whole_calls` names count as its own: it answers to their inputs too.
    """
    calls = Calls()
    own = {"", *whole_calls(model)}
    depth = 0

    def enter(module: nn.Module, given: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1:
            calls.positional |= bool(given)
            calls.rounded |= any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
            calls.keep(inputs)

    def leave(*_: object) -> None:
        nonlocal depth
        depth -= 1

    def part(name: str) -> Any:
        def called(*_: object) -> None:
            if depth == 0:
                calls.parts.add(name)

        return called

    hooks = []
    for name, module in model.named_modules():
        if name in own:
            hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
            hooks.append(module.register_forward_hook(leave, always_call=True))
        else:
            hooks.append(module.register_forward_pre_hook(part(name)))
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def lengths_of(calls: list[Call]) -> dict[str, tuple[int, ...]]:
    """The dimensions of each input, beside the batch, that differ between calls or follow the text."""
    texts = [call["input_ids"].shape[1] if "input_ids" in call else -1 for call in calls]
    found = {}
    for name, value in calls[0].items():
        sizes = {i: [call[name].shape[i] for call in calls] for i in range(1, value.ndim)}
        found[name] = tuple(i for i, each in sizes.items() if len(set(each)) > 1 or each == texts)
    return found


def reshaped(calls: list[Call], batch: int, length: int) -> Call:
    """A call of another size, made of the first one by repeating or leaving out rows and positions."""
    dimensions = lengths_of(calls)
    call = max(calls, key=lambda one: sum(value.numel() for value in one.values()))
    result = {}
    for name, value in call.items():
        sizes = {0: batch, **dict.fromkeys(dimensions[name], length)}
        for dimension, size in sizes.items():
            positions = torch.arange(size) % value.shape[dimension]
            value = value.index_select(dimension, positions)
        result[name] = value
    return result
