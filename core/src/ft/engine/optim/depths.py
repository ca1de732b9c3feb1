"""How deep a parameter lies in its encoder, by the model's own modules and not by their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from torch import nn

from ft.contract.errors import ConfigError


@dataclass(frozen=True)
class Depths:
    """The parameters of an encoder by depth.

    Attributes:
        of: 0 for what a token passes before the first layer (embeddings and their norms), k for
            the k-th layer, counted from 1; the decoder's layers lie above the encoder's.
        layers: how many there are; a layer that is used several times (ALBERT) counts once.
    """

    of: dict[nn.Parameter, int]
    layers: int

    @property
    def embeds(self) -> bool:
        """Whether there is anything before the first layer."""
        return self.layers > 0 and 0 in self.of.values()


def encoder_of(model: nn.Module) -> nn.Module | None:
    """The pre-trained part of a model: what transformers calls its base model."""
    base = getattr(model, "base_model", None)
    return base if isinstance(base, nn.Module) and base is not model else None


def depths_of(model: nn.Module) -> Depths | None:
    """The depths of the encoder's parameters; ``None`` if the model has no base model.

    Layers are the elements of the outermost module lists. Lists of one length in one module
    (XLM's attentions and feed-forward networks) are parts of the same layers. Without layers every
    parameter has the depth 0.
    """
    encoder = encoder_of(model)
    if encoder is None:
        return None
    of: dict[nn.Parameter, int] = {}
    for table in _tables(encoder):
        of.setdefault(table, 0)
    stacks = list(_stacks(encoder))
    layers = 0
    for stack in stacks:
        for i in range(len(stack[0])):
            layers += 1
            for part in stack:
                for parameter in part[i].parameters():
                    of.setdefault(parameter, layers)
    inside = {parameter for parameter, depth in of.items() if depth}
    begun = False
    for parameter in encoder.parameters():
        begun = begun or parameter in inside
        of.setdefault(parameter, layers if begun else 0)
    return Depths(of, layers)


def _tables(encoder: nn.Module) -> Iterator[nn.Parameter]:
    """The word embeddings, and other tables outside of the layers: positions, types."""
    with suppress(NotImplementedError, AttributeError):
        words = encoder.get_input_embeddings()  # type: ignore[operator]
        if isinstance(words, nn.Module):
            yield from words.parameters()
    for module in _outside(encoder):
        if isinstance(module, nn.Embedding):
            yield from module.parameters()


def _outside(module: nn.Module) -> Iterator[nn.Module]:
    yield module
    for child in module.children():
        if not isinstance(child, nn.ModuleList):
            yield from _outside(child)


def _stacks(encoder: nn.Module) -> Iterator[list[nn.ModuleList]]:
    """The module lists that hold layers, those of the same layers together, from below."""
    for module in _outside(encoder):
        by_length: dict[int, list[nn.ModuleList]] = {}
        for child in module.children():
            if isinstance(child, nn.ModuleList) and any(True for _ in child.parameters()):
                flat = _flat(child)
                by_length.setdefault(len(flat), []).append(flat)
        yield from by_length.values()


def _flat(layers: nn.ModuleList) -> nn.ModuleList:
    """Blocks of layers (Funnel's) as one list."""
    blocks = [layer for layer in layers if isinstance(layer, nn.ModuleList)]
    if len(blocks) < len(layers):
        return layers
    return nn.ModuleList(layer for block in blocks for layer in block)


def freeze(model: nn.Module, what: str | int) -> int:
    """Freeze the encoder, its embeddings, or the embeddings and the lowest k layers.

    Returns:
        How many parameters are frozen.

    Raises:
        ConfigError: the model has no encoder to freeze, its embeddings or layers are not found, or
            it has fewer layers.
    """
    if what == "none":
        return 0
    where = "run.freeze"
    found = depths_of(model)
    name = type(model).__name__
    if found is None:
        raise ConfigError(
            f"{name} has no base model to freeze",
            where=where,
            hint="set freeze = 'none', or let build_head freeze what should stay",
        )
    deepest = found.layers if what == "encoder" else 0 if what == "embeddings" else int(what)
    if what != "encoder" and not found.embeds:
        raise ConfigError(
            f"the embeddings and layers of {name} are not found: its base model has no list of layers",
            where=where,
            hint="set freeze = 'encoder' or 'none', or let build_head freeze what should stay",
        )
    if deepest > found.layers:
        config = getattr(model, "config", None)
        uses = getattr(config, "num_hidden_layers", None)
        shared = f" (used {uses} times)" if found.layers == 1 and uses and uses > 1 else ""
        raise ConfigError(f"the encoder has {found.layers} layers{shared}, not {what}", where=where)
    frozen = [parameter for parameter, depth in found.of.items() if depth <= deepest]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return sum(parameter.numel() for parameter in frozen)
