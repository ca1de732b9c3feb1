"""Losses whose parts have items of their own, each normalised over its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ft.contract.errors import PluginError
from ft.contract.results import Loss

Counts = Mapping[str, Tensor | float] | None
"""The items of each part in the whole batch; empty: this pass is the whole batch; ``None``: it is
not, and nobody has counted."""


def join(losses: Mapping[str, Loss], counts: Counts) -> Loss:
    """One loss of several. The run divides by the sum of all items, so each part is multiplied with
    that sum and divided by the part's own items in the whole batch.
    """
    if counts is None:
        raise PluginError(
            "run.join was called for a part of a batch, and nobody has counted the whole batch's items",
            hint="declare `own_items = True` on the plugin whose loss_of calls run.join",
        )
    whole = counts or {name: loss.items for name, loss in losses.items()}
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
