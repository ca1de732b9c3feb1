"""How far a student's answers are from a teacher's, item by item."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

IGNORE = -100


def apart(kind: str, logits: Tensor, aims: Tensor, temperature: float) -> Tensor:
    """The divergence of every item.

    For classes and tags KL(teacher || student) of the softened answers, times the temperature squared, so
    that its gradient is as large at every temperature (Hinton et al. 2015, arXiv 1503.02531); for several
    labels that of each yes or no, averaged over the labels; for numbers the squared difference.

    Args:
        kind: ``tags``, ``single``, ``ordinal``, ``multi`` or ``number``.
        logits: of the student, (batch, [tokens,] classes).
        aims: of the teacher, of the same shape.
        temperature: divides both, but numbers.

    Returns:
        (batch[, tokens]).
    """
    if kind == "number":
        return (logits.float() - aims.float()).square().squeeze(-1)
    student, teacher = logits.float() / temperature, aims.float() / temperature
    if kind == "multi":
        one, other = (
            torch.stack([functional.logsigmoid(x), functional.logsigmoid(-x)])
            for x in (student, teacher)
        )
        return (other.exp() * (other - one)).sum(0).mean(-1) * temperature**2
    log_p, log_q = student.log_softmax(-1), teacher.log_softmax(-1)
    return (log_q.exp() * (log_q - log_p)).sum(-1) * temperature**2


def weighed_sum(values: Tensor, weights: Tensor) -> Tensor:
    """The sum of the values by their weights.

    Args:
        values: (batch[, tokens]).
        weights: of the same shape.
    """
    return (values * weights).sum()


def states_apart(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of hidden states (Jiao et al. 2020, arXiv 1909.10351), (batch, tokens).

    Args:
        student: (batch, tokens, hidden).
        teacher: of the same shape.
    """
    return (student.float() - teacher.float()).square().mean(-1)


def attention_apart(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], mask: Tensor, heads: int
) -> Tensor:
    """KL(teacher || student) of what each token attends to (Wang et al. 2020, arXiv 2002.10957).

    Args:
        student: queries and keys, (batch, tokens, heads * size) each.
        teacher: the same of the teacher, whose heads may be of another size.
        mask: (batch, tokens), 1 where a token may be attended to.
        heads: how many.

    Returns:
        The mean over the heads, (batch, tokens).
    """
    log_p, log_q = (_attention(*one, mask, heads) for one in (student, teacher))
    each = torch.where(mask[:, None, None, :] > 0, log_q.exp() * (log_q - log_p), 0.0)
    return each.sum(-1).mean(1)


def _attention(queries: Tensor, keys: Tensor, mask: Tensor, heads: int) -> Tensor:
    """The logarithm of the attention of every head, (batch, heads, tokens, tokens)."""
    q, k = (
        x.float().unflatten(-1, (heads, x.shape[-1] // heads)).transpose(1, 2)
        for x in (queries, keys)
    )
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    return scores.masked_fill(mask[:, None, None, :] == 0, -1e9).log_softmax(-1)
