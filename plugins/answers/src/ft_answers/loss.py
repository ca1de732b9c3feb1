"""The loss: a question is nearer to its answer than to the others of the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrast(
    questions: Tensor,
    answers: Tensor,
    own: Tensor,
    right: Tensor,
    *,
    scale: float,
    symmetric: bool,
) -> Tensor:
    """The loss of each question, (batch,): cross entropy of its answer among those of the batch.

    In-batch negatives (Karpukhin et al. 2020, Dense Passage Retrieval; Henderson et al. 2017,
    `arXiv 1705.00652 <https://arxiv.org/abs/1705.00652>`__). Another right answer of a question, such
    as its own beside another question, is never a wrong one, and an answer that stands in the batch
    several times counts once.

    Args:
        questions: (batch, width) vectors.
        answers: (columns, width) vectors: the answer of each question first, then mined ones.
        own: (columns,) the number of each answer from 1; 0 is none, whose loss is 0.
        right: (batch, most) the numbers of every right answer of each question, filled with 0.
        scale: factor on the products.
        symmetric: add the loss of each answer among the questions of the batch, and halve both.
    """
    count = len(questions)
    scores = scale * questions @ answers.T
    aims = torch.arange(count, device=scores.device)
    fits = ((right[:, :, None] == own) & (own > 0)).any(1)
    again = (own[:, None] == own).tril(-1).any(1)
    wrong = ~fits & ~again & (own > 0)
    itself = torch.zeros_like(wrong)
    itself[aims, aims] = True
    known = own[:count] > 0
    each = cross_entropy(scores.masked_fill(~(wrong | itself), -torch.inf), aims, reduction="none")
    if symmetric:
        others = ~fits[:, :count] | itself[:, :count]
        back = scores[:, :count].masked_fill(~others, -torch.inf).T
        each = (each + cross_entropy(back, aims, reduction="none")) / 2
    return torch.where(known, each, torch.zeros_like(each))
