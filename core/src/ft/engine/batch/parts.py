"""Losses whose parts have items of their own, each normalised over its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def of_kinds(counted: Iterable[Mapping[str, float]]) -> dict[int, tuple[dict[str, float], float]]:
    """The items of the parts in the whole batch, for each kind of features that have some of them.

    Args:
        counted: by each process, as ``KIND/part``; behind ``KIND/`` the items of all its parts.

    Returns:
        By kind, the items of each part, those in other kinds too, and what the kind's gradient is divided by.
    """
    sums: dict[tuple[int, str], float] = {}
    for own in counted:
        for key, number in own.items():
            kind, name = key.split("/", 1)
            sums[int(kind), name] = sums.get((int(kind), name), 0.0) + number
    whole: dict[str, float] = {}
    for (_, name), number in sums.items():
        whole[name] = whole.get(name, 0.0) + number
    found: dict[int, tuple[dict[str, float], float]] = {}
    for one in {one for one, _ in sums}:
        parts = {name: whole[name] for of, name in sums if of == one and name}
        found[one] = parts, sum(parts.values()) if parts else sums[one, ""]
    return found
