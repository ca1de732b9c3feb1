"""How far two passes' outputs lie apart."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid

from ft import TrainingError

IGNORE = -100
SCORES = ("logits", "scores")


def divergence(
    noised: Mapping[str, Tensor],
    clean: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    *,
    symmetric: bool = True,
) -> Tensor:
    """The divergence of perturbed from clean outputs, a scalar: a sum over the batch.

    Which outputs count: those whose name ends in ``logits`` or ``scores``; if there are none, every
    floating output. How they are compared:

    - ``labels`` of the output's own shape, several wide: independent yes/no classes; KL of
      Bernoulli distributions (two-sided if ``symmetric``), averaged over the classes.
    - a name in ``logits`` or ``scores``, last dimension wider than 1: classes (or positions, or
      candidates) of which one is right; KL of the softmax over the last dimension.
    - everything else, regression above all: squared difference, summed over the last dimension.

    Where ``labels``, or else the ``attention_mask``, has the shape of the output without its last
    dimension, positions labelled -100, or masked, are left out.

    Args:
        noised: outputs of the perturbed pass by name.
        clean: outputs of the clean pass.
        batch: the model's inputs.
        symmetric: KL in both directions, gradients through both passes (Jiang et al. 2020,
            Aghajanyan et al. 2021); else KL(clean ‖ noised) with the clean outputs taken as
            constant (Miyato et al. 2018).

    Raises:
        TrainingError: the passes returned no floating outputs, or outputs of different shape.
    """
    floating = [name for name, value in clean.items() if value.is_floating_point()]
    scores = [name for name in floating if name.endswith(SCORES)]
    chosen = [name for name in scores or floating if name in noised]
    if not chosen:
        raise TrainingError(
            f"the loss brings no outputs to compare (it has: {', '.join(clean) or 'none'})",
            who="plugin adversarial (ft-adversarial)",
            hint="let compute_loss return the model's outputs, or choose another method",
        )
    apart = [
        _compare(name in scores, noised[name], clean[name], batch, symmetric) for name in chosen
    ]
    return torch.stack(apart).sum()


def _compare(
    scores: bool, noised: Tensor, clean: Tensor, batch: Mapping[str, Tensor], symmetric: bool
) -> Tensor:
    if noised.shape != clean.shape:
        raise TrainingError(
            f"two passes over one batch gave outputs of shapes {tuple(clean.shape)} and "
            f"{tuple(noised.shape)}, which cannot be compared",
            who="plugin adversarial (ft-adversarial)",
            hint="if the task draws at random (negatives), set adversarial.dropout = 'same'",
        )
    precise = torch.promote_types(clean.dtype, torch.float32)
    noised = noised.to(precise)
    clean = clean.to(precise) if symmetric else clean.detach().to(precise)
    labels = batch.get("labels")
    wide = clean.ndim > 1 and clean.shape[-1] > 1
    if scores and wide and labels is not None and labels.shape == clean.shape:
        yes = _kl(_bernoulli(noised), _bernoulli(clean), symmetric)
        each = yes.mean(-1)
    elif scores and wide:
        each = _kl(log_softmax(noised, -1), log_softmax(clean, -1), symmetric)
    else:
        each = (noised - clean).square()
        each = each.sum(-1) if clean.ndim > 1 else each
    counted = _counted(each, labels, batch.get("attention_mask"))
    return each.sum() if counted is None else torch.where(counted, each, 0).sum()


def _kl(noised: Tensor, clean: Tensor, symmetric: bool) -> Tensor:
    """KL(clean ‖ noised), plus KL(noised ‖ clean) if symmetric, from log-probabilities (..., k)."""
    if symmetric:
        return ((clean.exp() - noised.exp()) * (clean - noised)).sum(-1)
    return (clean.exp() * (clean - noised)).sum(-1)


def _bernoulli(logits: Tensor) -> Tensor:
    """Log-probabilities of yes and no, (..., 2)."""
    return torch.stack([logsigmoid(logits), logsigmoid(-logits)], -1)


def _counted(each: Tensor, labels: Tensor | None, mask: Tensor | None) -> Tensor | None:
    if labels is not None and labels.shape == each.shape:
        return labels != IGNORE
    if mask is not None and each.ndim > 1 and mask.shape == each.shape:
        return mask.bool()
    return None
