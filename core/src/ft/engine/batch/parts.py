"""Losses whose parts have items of their own, each normalised over its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ft.contract.errors import PluginError
from ft.contract.results import Loss
from ft.contract.schema import Schema

Counts = Mapping[str, Tensor | float] | None
"""The items of each part in the whole batch; empty: this pass is the whole batch; ``None``: it is
not, and nobody has counted."""


def join(losses: Mapping[str, Loss], counts: Counts, schema: Schema) -> Loss:
    """One loss of several. The run divides by the sum of all items, so each part is multiplied with
    that sum and divided by the part's own items in the whole batch.

    Args:
        losses: by name; one called as a target's column counts with the target's weight.
        counts: of the items of each.
        schema: with the targets.
    """
    if counts is None:
        raise PluginError(
            "run.join was called for a part of a batch, and nobody has counted the whole batch's items",
            hint="declare `own_items = True` on the plugin whose loss_of calls run.join",
        )
    weights = {target.column: target.weight for target in schema.targets}
    losses = {name: loss.times(weights.get(name, 1.0)) for name, loss in losses.items()}
    whole = counts or {name: loss.items for name, loss in losses.items()}
    if odd := [name for name in losses if name not in whole]:
        raise PluginError(
            f"run.join was given '{odd[0]}', which the loss of the whole batch does not have",
            hint="join the same names at each call; a task inside of ft.compose cannot join itself",
        )
    everything = sum(torch.as_tensor(items) for items in whole.values())
    totals = [
        loss.total * (everything / torch.as_tensor(whole[name]).clamp(min=1e-12)).to(loss.total)
        for name, loss in losses.items()
    ]
    items = sum(torch.as_tensor(loss.items) for loss in losses.values())
    assert isinstance(items, Tensor)
    outputs = {name: value for loss in losses.values() for name, value in loss.outputs.items()}
    parts = {name: Loss(loss.total.detach(), loss.items) for name, loss in losses.items()}
    return Loss(torch.stack(totals).sum(), items, outputs, parts)
