"""The standard losses and divergences of tags, classes and numbers, as sums over items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ft.contract.results import Loss
from ft.contract.schema import Schema

IGNORE = -100

Kind = Literal["single", "multi", "number"]


def kind_of(schema: Schema) -> Kind:
    """One class of several (of each word, or of the example), several, or a number."""
    kind = "single" if schema.words or schema.label is None else schema.label.kind
    return "multi" if kind == "multi" else "number" if kind == "number" else "single"


def loss_of(kind: Kind, outputs: Mapping[str, Tensor], labels: Tensor) -> Loss:
    """Cross entropy; binary, averaged over the classes; or squared error.

    Args:
        kind: of what is predicted.
        outputs: with ``logits``, (batch, [tokens,] classes).
        labels: (batch[, tokens]) ids, -100 where there is none; (batch, classes) of 0 and 1; or
            (batch,) numbers.
    """
    logits = outputs["logits"].float()
    items: Tensor | float = float(len(labels))
    if kind == "number":
        each = (logits.squeeze(-1) - labels.float()).square()
    elif kind == "multi":
        binary = functional.binary_cross_entropy_with_logits
        each = binary(logits, labels.float(), reduction="none").mean(-1)
    else:
        each = functional.cross_entropy(
            logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORE, reduction="none"
        ).view_as(labels)
        items = (labels != IGNORE).sum()
    return Loss(each.sum(), items, outputs, each=each)


def divergence(kind: Kind, logits: Tensor, other: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """The sum over items of KL(other || logits), or of squared differences of numbers.

    Args:
        kind: of what is predicted.
        logits: (batch, [tokens,] classes).
        other: of the same shape.
        batch: ``labels`` of -100 mark what is no item; without labels the ``attention_mask`` does.
    """
    logits, other = logits.float(), other.float()
    if kind == "number":
        return (logits - other).square().sum()
    if kind == "multi":
        two = [
            torch.stack([functional.logsigmoid(x), functional.logsigmoid(-x)])
            for x in (logits, other)
        ]
        return (two[1].exp() * (two[1] - two[0])).sum(0).mean(-1).sum()
    log_p, log_q = logits.log_softmax(-1), other.log_softmax(-1)
    each = (log_q.exp() * (log_q - log_p)).sum(-1)
    mask = batch["labels"] != IGNORE if "labels" in batch else batch.get("attention_mask")
    if mask is None or mask.shape != each.shape:
        return each.sum()
    return torch.where(mask.bool(), each, 0.0).sum()
