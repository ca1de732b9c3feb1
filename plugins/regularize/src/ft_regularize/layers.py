"""What is done to the layers of the encoder: random top layers, and layers that begin to learn late."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ft import ConfigError


def layers_of(model: Any) -> nn.ModuleList:
    """The layers of the encoder, from below.

    Raises:
        ConfigError: none are found.
    """
    base = getattr(model, "base_model", model)
    lists = [one for one in base.modules() if isinstance(one, nn.ModuleList)]
    if not lists:
        raise ConfigError(
            f"the model, a {type(model).__name__}, has no list of layers",
            hint="leave fresh_layers and unfreeze out for this model",
        )
    return max(lists, key=len)


def begin_anew(model: Any, count: int, seed: int, deviation: float) -> None:
    """Give the top layers random weights (Zhang et al. 2021, arXiv 2006.05987).

    Args:
        model: with an encoder that has layers.
        count: how many layers.
        seed: of the random numbers.
        deviation: their standard deviation.

    Raises:
        ConfigError: the encoder has fewer layers.
    """
    layers = layers_of(model)
    if count > len(layers):
        raise ConfigError(
            f"fresh_layers is {count}, and the encoder has {len(layers)} layers",
            hint=f"give at most {len(layers)}",
        )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in (one for layer in list(layers)[-count:] for one in layer.modules()):
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    values = torch.empty(parameter.shape).normal_(0, deviation, generator=generator)
                    parameter.copy_(values)
                else:  # of a norm the scale is 1; every bias is 0
                    parameter.fill_(float(name == "weight"))


def refuse_frozen(model: Any, count: int) -> None:
    """See that the layers that began with random weights learn.

    Args:
        model: with an encoder that has layers.
        count: how many at the top began so.

    Raises:
        ConfigError: a weight of these is frozen, by a setting of the run or by another plugin.
    """
    frozen = [
        name
        for layer in list(layers_of(model))[-count:]
        for name, parameter in layer.named_parameters()
        if parameter.ndim > 1 and not parameter.requires_grad
    ]
    if frozen:
        raise ConfigError(
            f"the top {count} layers begin with random weights and would stay so: {frozen[0]} does not learn",
            where="regularize.fresh_layers",
            hint="leave fresh_layers out, or what freezes the layers (run.freeze, peft)",
        )


def stages(model: Any) -> list[list[nn.Parameter]]:
    """The parameters that begin to learn together: layer by layer from the top, then what is below.

    Those that are frozen already are in none of them.

    Args:
        model: with an encoder.
    """
    base = getattr(model, "base_model", model)
    left = {id(one): one for one in base.parameters() if one.requires_grad}
    found = [
        [left.pop(id(one)) for one in layer.parameters() if id(one) in left]
        for layer in reversed(list(layers_of(model)))
    ]
    return [*found, list(left.values())]
