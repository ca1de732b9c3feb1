"""Losses of items that count otherwise: label smoothing, focal, the divergence of two passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ft import Loss, PluginError, Run

IGNORE = -100
LEAST = 1e-6


def smooth(
    loss: Loss, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], share: float
) -> Loss:
    """Cross entropy with a share of the answer on all classes alike (Szegedy et al. 2016, arXiv 1512.00567).

    Weights of classes that are in the loss already are kept.

    Args:
        loss: cross entropy, with the loss of every item.
        outputs: with ``logits``, (batch, [tokens,] classes).
        batch: with ``labels``, (batch[, tokens]), -100 where there is no item.
        share: of the answer.

    Raises:
        PluginError: the task's loss is not that of one class of several.
    """
    found = _cross_entropy(outputs, batch)
    if loss.each is None or found is None:
        raise PluginError(
            "label_smoothing needs a loss of one class of several, over logits and labels",
            hint="leave label_smoothing out for this task",
        )
    log_p, plain = found
    weight = torch.where(plain > LEAST, loss.each / plain.clamp_min(LEAST), 1.0).detach()
    term = torch.where(batch["labels"] != IGNORE, share * weight * (-log_p.mean(-1) - plain), 0.0)
    return replace(loss, total=loss.total + term.sum(), each=loss.each + term)


def _cross_entropy(
    outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor] | None:
    """The logarithms of the classes' probabilities, and without its weight the loss of every item;
    ``None`` where the labels are not one class of several.
    """
    labels, logits = batch.get("labels"), outputs.get("logits")
    whole = labels is not None and not labels.is_floating_point()
    if labels is None or logits is None or not whole or labels.shape != logits.shape[:-1]:
        return None
    log_p = logits.float().log_softmax(-1)
    own = torch.where(labels != IGNORE, labels, 0).unsqueeze(-1)
    return log_p, -log_p.gather(-1, own).squeeze(-1)


def focal(
    loss: Loss, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], gamma: float
) -> Loss:
    """Items that the model is sure of count less (Lin et al. 2017, arXiv 1708.02002).

    Weights of classes are kept: how sure the model is, is read from the logits where there is one class
    of several.

    Args:
        loss: with the loss of every item, elsewhere minus the logarithm of its probability.
        outputs: with ``logits``, as those of `smooth`.
        batch: with ``labels``.
        gamma: 0 leaves the loss as it is.

    Raises:
        PluginError: the task does not say the loss of every item.
    """
    if loss.each is None:
        return loss.weighed(torch.ones(()))  # which says so
    found = _cross_entropy(outputs, batch)
    nll = loss.each if found is None else found[1]
    # A loss of 0 would have an endless slope where gamma is below 1.
    return loss.weighed((1 - (-nll).exp()).clamp_min(LEAST) ** gamma)


def r_drop(
    run: Run, first: Loss, second: Loss, batch: Mapping[str, Tensor], alpha: float, name: str
) -> Loss:
    """The mean of two passes and their symmetric divergence (Liang et al. 2021, arXiv 2106.14448).

    Args:
        run: the run.
        first: of a pass.
        second: of another pass over the same batch, with other dropout.
        batch: the batch.
        alpha: weight of the divergence.
        name: that it is logged under.
    """
    each = None
    if first.each is not None and second.each is not None:
        each = (first.each + second.each) / 2
    both = replace(first, total=(first.total + second.total) / 2, each=each)
    apart = run.divergence(first.outputs, second.outputs, batch)
    apart = apart + run.divergence(second.outputs, first.outputs, batch)
    return both.plus(alpha * apart / 2, name)
