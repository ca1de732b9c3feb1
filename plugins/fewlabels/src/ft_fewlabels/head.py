"""What the last layer of a model reads, and that layer fitted to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ft import ConfigError

NOT_INPUTS = ("row", "word_ids", "word_count", "length")
FITTED = 100
"""Iterations of the fit at most."""


def last_layer(model: nn.Module, classes: int) -> nn.Linear:
    """The linear layer that gives a number a class.

    Raises:
        ConfigError: the model has none.
    """
    found = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == classes]
    if not found:
        raise ConfigError(
            f"the model, a {type(model).__name__}, has no linear layer of {classes} classes",
            hint="leave 'contrastive' out for this model",
        )
    return found[-1]


def padded(features: Sequence[Mapping[str, Any]], pad_id: int) -> dict[str, Tensor]:
    """Token ids and what goes with them as tensors, with their mask.

    Args:
        features: as ``encode`` gives them, with ``input_ids``.
        pad_id: the token that pads.
    """
    longest = max(len(one["input_ids"]) for one in features)
    batch = {}
    for name, first in features[0].items():
        kept = name not in NOT_INPUTS and not name.startswith(("labels", "keep_"))
        if kept and hasattr(first, "__len__") and len(first) == len(features[0]["input_ids"]):
            pad = pad_id if name == "input_ids" else 0
            rows = [[*map(int, one[name])] for one in features]
            batch[name] = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    sizes = [len(one["input_ids"]) for one in features]
    batch["attention_mask"] = torch.tensor([[1] * n + [0] * (longest - n) for n in sizes])
    return batch


def what_it_reads(model: nn.Module, layer: nn.Linear, inputs: Mapping[str, Tensor]) -> Tensor:
    """What a layer is given in a pass, (batch, size).

    Raises:
        ConfigError: it is not one vector an example.
    """
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        model(**inputs)
    finally:
        handle.remove()
    if not seen or seen[-1].ndim != 2:
        raise ConfigError(
            f"the last layer of {type(model).__name__} does not read one vector an example",
            hint="leave 'contrastive' out for this model",
        )
    return seen[-1]


def fit(layer: nn.Linear, vectors: Tensor, labels: Tensor) -> None:
    """Fit a layer to vectors by logistic regression, with the usual penalty of half its squared norm.

    Args:
        layer: of classes.
        vectors: (examples, size).
        labels: (examples,) class ids.
    """
    given = vectors.detach().double()
    # As in logistic regression on vectors of length 1, whatever their length here.
    scale = given.norm(dim=-1).mean().clamp_min(1e-12)
    given = given / scale
    weight = torch.zeros(layer.weight.shape, dtype=torch.float64, device=given.device)
    bias = torch.zeros(layer.out_features, dtype=torch.float64, device=given.device)
    both = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(both, max_iter=FITTED, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(given @ weight.T + bias, labels, reduction="sum")
        loss = loss + weight.square().sum() / 2
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(step)
    with torch.no_grad():
        layer.weight.copy_(weight / scale)
        if layer.bias is not None:
            layer.bias.copy_(bias)
