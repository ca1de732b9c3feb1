"""The parts of a model: its encoder, the encoder's layers, and what else learns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from safetensors import safe_open
from torch import nn
from transformers import PreTrainedModel

from ft import ConfigError, Run


def encoder_of(model: nn.Module) -> nn.Module:
    """The pre-trained part of a model; a model without a head of its own is all of it.

    Raises:
        ConfigError: there is none to be found.
    """
    base = getattr(model, "base_model", None)
    if isinstance(base, nn.Module) and base is not model:
        return base
    if isinstance(model, PreTrainedModel):
        return model
    raise ConfigError(
        f"the model, a {type(model).__name__}, does not say which part of it is pre-trained",
        where="--plugins peft",
        hint="give it an attribute base_model, or leave peft out",
    )


def stacks_of(encoder: nn.Module) -> list[tuple[str, nn.ModuleList]]:
    """The outermost lists of layers, by their names: one, or an encoder's and a decoder's."""
    return list(_stacks(encoder, ""))


def _stacks(module: nn.Module, place: str) -> Iterator[tuple[str, nn.ModuleList]]:
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            if any(
                isinstance(one, nn.ModuleList) for one in child
            ):  # blocks of layers, as Funnel's
                for i, block in enumerate(child):
                    yield f"{place}{name}.{i}", block
            elif any(True for _ in child.parameters()):
                yield f"{place}{name}", child
        else:
            yield from _stacks(child, f"{place}{name}.")


def layers_of(encoder: nn.Module, top: int | None) -> list[tuple[str, nn.Module]]:
    """The layers from below, by their names; a decoder's lie above an encoder's.

    Args:
        encoder: it.
        top: so many from above; ``None``: all.

    Raises:
        ConfigError: there are none, or not so many.
    """
    found = [
        (f"{name}.{i}", layer)
        for name, stack in stacks_of(encoder)
        for i, layer in enumerate(stack)
    ]
    if not found:
        raise ConfigError(
            f"no layers are found in the encoder, a {type(encoder).__name__}",
            where="peft.method",
            hint="bitfit needs none; or leave peft out",
        )
    if top is not None and top > len(found):
        raise ConfigError(f"the encoder has {len(found)} layers, not {top}", where="peft.layers")
    return found if top is None else found[-top:]


def output_layer(model: nn.Module) -> nn.Module | None:
    """The layer over the vocabulary, which is pre-trained and no head of a task."""
    ask = getattr(model, "get_output_embeddings", None)
    return ask() if callable(ask) else None


def fresh_poolers(run: Run, model: nn.Module, encoder: nn.Module) -> list[nn.Module]:
    """Parts of the encoder above its layers that the pre-trained model does not bring.

    They have random weights and so must learn as a head does: the pooler of a BERT that was
    pre-trained without one.
    """
    if encoder is model:
        return []
    layered = [encoder.get_submodule(name) for name, _ in stacks_of(encoder)]
    inside = {id(one) for stack in layered for one in stack.modules()}
    saved = _saved_names(run)
    found, above = [], False
    for name, child in encoder.named_children():
        if any(id(one) in inside for one in child.modules()):
            above = True
        elif above and any(isinstance(one, nn.Linear) for one in child.modules()):
            names = [f"{name}.{one}" for one, _ in child.named_parameters()]
            if saved is None or not all(any(k.endswith(n) for k in saved) for n in names):
                found.append(child)
    return found


def _saved_names(run: Run) -> list[str] | None:
    """The names of the weights that the pre-trained model has; ``None`` where that is not known."""
    for file in ("model.safetensors.index.json", "model.safetensors"):
        path: Any = Path(run.model_path) / file
        if not path.is_file():
            path = None if Path(run.model_path).is_dir() else _cached(run.model_path, file)
        if path is None:
            continue
        if file.endswith(".json"):
            return list(json.loads(Path(path).read_text(encoding="utf-8"))["weight_map"])
        with safe_open(path, framework="pt") as weights:
            return list(weights.keys())
    return None


def _cached(name: str, file: str) -> str | None:
    path = try_to_load_from_cache(name, file)
    return path if isinstance(path, str) else None
