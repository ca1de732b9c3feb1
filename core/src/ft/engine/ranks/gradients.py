"""The sum of gradients over the processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ft.engine.ranks.ranks import Ranks

BUCKET = 16_000_000
"""Numbers exchanged at once: enough to use the line, few enough to need little memory beside."""


def sum_gradients(
    ranks: Ranks, parameters: Sequence[nn.Parameter], present: Sequence[bool]
) -> None:
    """Add up every gradient over the processes.

    Args:
        ranks: the processes.
        parameters: in the same order everywhere.
        present: for each, whether any process has a gradient; the others count as zero.
    """
    chosen = [one for one, there in zip(parameters, present, strict=True) if there]
    for bucket in _buckets(chosen):
        flat = torch.cat([_dense(one).reshape(-1) for one in bucket])
        ranks.sum(flat)
        parts = torch.split_with_sizes(flat, [one.numel() for one in bucket])
        for one, part in zip(bucket, parts, strict=True):
            one.grad = part.view_as(one)


def _dense(parameter: nn.Parameter) -> Tensor:
    """The gradient; zeros where there is none, or in rows that have none."""
    gradient = parameter.grad
    if gradient is None:
        return torch.zeros_like(parameter)
    return gradient.to_dense() if gradient.is_sparse else gradient


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Parameters of one type that make up a bucket together, or one that is larger alone."""
    for kind in dict.fromkeys(parameter.dtype for parameter in parameters):
        bucket: list[nn.Parameter] = []
        for parameter in parameters:
            if parameter.dtype != kind:
                continue
            if bucket and sum(one.numel() for one in [*bucket, parameter]) > BUCKET:
                yield bucket
                bucket = []
            bucket.append(parameter)
        if bucket:
            yield bucket
