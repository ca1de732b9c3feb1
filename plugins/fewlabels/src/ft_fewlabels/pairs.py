"""Examples that are compared in a step, and how far their vectors are from where they should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def draw(classes: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> np.ndarray:
    """The examples of a step: some classes, and as many examples of each as there is room for.

    So both kinds of pair are in every step, and nothing is ever as large as all pairs of the data.

    Args:
        classes: the ids of each class's examples.
        size: examples at most.
        rng: for both choices.
    """
    some = min(len(classes), size // 2)
    chosen = rng.choice(len(classes), some, replace=False)
    each = size // some
    picked = [
        rng.choice(classes[k], min(each, len(classes[k])), replace=False) for k in np.sort(chosen)
    ]
    return np.concatenate(picked)


def pair_loss(vectors: Tensor, labels: Tensor) -> Tensor:
    """The squared error of the cosine of every pair, which is 1 within a class and 0 between two.

    SetFit's loss (Tunstall et al. 2022, arXiv 2209.11055) over all pairs of a step, of which those within
    a class and those between two count as much.

    Args:
        vectors: (examples, size).
        labels: (examples,) class ids.
    """
    unit = functional.normalize(vectors.float(), dim=-1)
    cosines = unit @ unit.T
    same = labels[:, None] == labels[None, :]
    pair = torch.ones_like(same).triu(1)
    wanted = [((cosines - 1).square(), pair & same), (cosines.square(), pair & ~same)]
    means = [(value * mask).sum() / mask.sum().clamp_min(1) for value, mask in wanted]
    return torch.stack(means).mean()
