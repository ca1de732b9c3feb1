"""Losses of every example, weighted, for any kind of label."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ft_sentiment.labels import UNLABELLED


def class_loss(
    logits: Tensor,
    labels: Tensor,
    share: Tensor,
    *,
    weights: Tensor | None = None,
    gamma: float = 0.0,
    soft: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Cross entropy of one class of several, or its focal form (Lin et al. 2017).

    Args:
        logits: (batch, classes).
        labels: (batch,), class ids; `UNLABELLED` rows are left out.
        share: (batch,), how much of an example a row is: 1, or 1/k for each of its k windows.
        weights: (classes,), the weight of each class.
        gamma: the focal loss's exponent; 0 is cross entropy.
        soft: (classes, classes), the target distribution for each class; default: one-hot.

    Returns:
        The loss of every row, (batch,), and the items that their sum runs over. Weighted cross
        entropy is divided by the sum of the examples' weights, as torch's is; the focal loss by
        their number, for it is meant to let easy examples add little.
    """
    log_p = logits.log_softmax(-1)
    known = labels != UNLABELLED
    rows = labels.clamp_min(0)
    own = log_p.gather(-1, rows[:, None]).squeeze(-1)
    loss = -own if soft is None else -(soft[rows] * log_p).sum(-1)
    if gamma:
        loss = loss * _above_zero(-torch.expm1(own)) ** gamma
    share = share * known
    weight = share if weights is None else share * weights[rows]
    return loss * weight, (share if gamma else weight).sum()


def multi_loss(
    logits: Tensor,
    labels: Tensor,
    share: Tensor,
    *,
    weights: Tensor | None = None,
    gamma: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Binary cross entropy of each class, averaged over the classes, or its focal form.

    Args:
        logits: (batch, classes).
        labels: (batch, classes), 1 where the example carries the class, else 0.
        share: (batch,), as in `class_loss`.
        weights: (classes,), the weight of an example that carries the class, against one that
            does not.
        gamma: the focal loss's exponent.

    Returns:
        The loss of every row, (batch,), and the number of examples.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    if gamma:
        wrong = torch.sigmoid(torch.where(labels > 0, -logits, logits))
        loss = loss * _above_zero(wrong) ** gamma
    if weights is not None:
        loss = loss * torch.where(labels > 0, weights, torch.ones_like(weights))
    return loss.mean(-1) * share, share.sum()


def _above_zero(wrong: Tensor) -> Tensor:
    # The derivative of wrong**gamma at 0 is not finite for gamma < 1.
    return wrong.clamp_min(torch.finfo(wrong.dtype).eps)


def number_loss(values: Tensor, labels: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Squared error of every number, (batch,), and the number of examples.

    Args:
        values: (batch, 1).
        labels: (batch,).
        share: (batch,), as in `class_loss`.
    """
    return (values.squeeze(-1) - labels) ** 2 * share, share.sum()


def ordinal_targets(classes: int, sharpness: float) -> Tensor:
    """Soft targets for ratings in order (SORD; Diaz & Marathe 2019), (classes, classes).

    Row r is the softmax over s of ``-sharpness * (r - s)**2``, so a neighbouring rating counts as
    nearly right and a distant one as wrong.
    """
    ranks = torch.arange(classes, dtype=torch.float64)
    return torch.softmax(-sharpness * (ranks[:, None] - ranks) ** 2, dim=-1)


def balanced_weights(counts: Tensor, examples: int, multi: bool) -> Tensor:
    """Weights that give every class the same say.

    Args:
        counts: (classes,), training examples that carry each class.
        examples: training examples.
        multi: whether an example may carry several classes.

    Returns:
        (classes,): ``examples / (classes * count)``; for ``multi`` those without the class for each
        with it. 1 where no example carries a class.
    """
    seen = counts.clamp_min(1).double()
    weights = (examples - seen) / seen if multi else examples / (len(counts) * seen)
    return torch.where((counts > 0) & (weights > 0), weights, torch.ones_like(weights))
