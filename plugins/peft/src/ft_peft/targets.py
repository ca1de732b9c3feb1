"""Which linear layers of an encoder are adapted, in any architecture.

Layers of attention are known by the names that architectures give them; all else follows from how the
modules stand in each other.
"""

from __future__ import annotations

from torch import nn
from transformers.pytorch_utils import Conv1D

from ft import ConfigError, did_you_mean, listed
from ft_peft.parts import layers_of
from ft_peft.settings import PeftSettings

JOINED = ("Wqkv", "c_attn", "qkv", "qkv_proj", "query_key_value", "in_proj")
"""Names of layers that give queries, keys and values at once."""

QUERIES = ("query", "q_lin", "q_proj", "query_proj", "q", "query_global")
KEYS = ("key", "k_lin", "k_proj", "key_proj", "k", "key_global")
VALUES = ("value", "v_lin", "v_proj", "value_proj", "v", "value_global")

LINEAR = (nn.Linear, Conv1D)


def linear_layers(encoder: nn.Module, top: int | None) -> dict[str, nn.Module]:
    """The linear layers within the encoder's layers, by their names in the encoder.

    Raises:
        ConfigError: there are none.
    """
    found = {
        f"{place}.{name}": module
        for place, layer in layers_of(encoder, top)
        for name, module in layer.named_modules()
        if isinstance(module, LINEAR)
    }
    if not found:
        raise ConfigError(
            f"the layers of the encoder, a {type(encoder).__name__}, have no linear layer to adapt",
            where="peft.method",
            hint="bitfit trains biases; or leave peft out",
        )
    return found


def last_linear(encoder: nn.Module, top: int | None) -> list[str]:
    """The last linear layer of each layer: the one that a feed-forward network ends with."""
    linear_layers(encoder, top)
    found = []
    for place, layer in layers_of(encoder, top):
        names = [name for name, one in layer.named_modules() if isinstance(one, LINEAR)]
        found += [f"{place}.{name}" for name in names[-1:]]
    return found


def targets_of(encoder: nn.Module, settings: PeftSettings) -> list[str]:
    """The names of the linear layers that `lora`, `adalora` and `ia3` adapt.

    By default queries and values (Hu et al. 2022), for IA3 keys, values and the end of the
    feed-forward network (Liu et al. 2022). Where attention has no such layers (XLNet), all are.

    Raises:
        ConfigError: there are none of these.
    """
    linear, chosen = linear_layers(encoder, settings.layers), settings.targets
    if chosen == "all":
        return list(linear)
    if isinstance(chosen, tuple):
        return _named(linear, chosen)
    names = {*JOINED, *VALUES, *(KEYS if settings.method == "ia3" else QUERIES)}
    found = [one for one in linear if one.rpartition(".")[2] in names]
    if not found and chosen == "attention":
        raise ConfigError(
            f"no queries and values are found in the encoder, a {type(encoder).__name__}",
            where="peft.targets",
            hint=f"take 'all', or names of its linear layers: {_leaves(linear)}",
        )
    if not found:
        return list(linear)
    if settings.method == "ia3" and chosen is None:
        found += [one for one in last_linear(encoder, settings.layers) if one not in found]
    return found


def _named(linear: dict[str, nn.Module], chosen: tuple[str, ...]) -> list[str]:
    for name in chosen:
        if not any(f".{one}".endswith(f".{name}") for one in linear):
            leaves = {one.rpartition(".")[2] for one in linear}
            raise ConfigError(
                f"the encoder has no linear layer '{name}'",
                where="peft.targets",
                hint=did_you_mean(name, leaves) or f"names of its linear layers: {_leaves(linear)}",
            )
    return [one for one in linear if any(f".{one}".endswith(f".{name}") for name in chosen)]


def _leaves(linear: dict[str, nn.Module]) -> str:
    return listed(sorted({one.rpartition(".")[2] for one in linear}), 12)
