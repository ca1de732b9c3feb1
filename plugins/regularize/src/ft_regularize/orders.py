"""Which examples an epoch sees: each class as often, or the shortest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def balanced(ids: np.ndarray, labels: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
    """Examples of rare classes repeated until each class has as many as the most frequent one.

    Args:
        ids: of an epoch.
        labels: of each of these.
        rng: for which are repeated, and the order.
    """
    named = np.asarray([str(label) for label in labels])
    names, counts = np.unique(named, return_counts=True)
    each = [np.resize(rng.permutation(ids[named == name]), counts.max()) for name in names]
    return rng.permutation(np.concatenate(each))


def growing(ids: np.ndarray, sizes: np.ndarray, first: float, begun: float) -> np.ndarray:
    """The shortest of the examples, a larger share in each epoch (Platanios et al. 2019, arXiv 1903.09848).

    Args:
        ids: of an epoch, in their order.
        sizes: of each of these, in tokens.
        first: share of the examples in the first epoch.
        begun: how far the training is, from 0 in the first epoch to 1 in the last.
    """
    share = (first**2 + (1 - first**2) * begun) ** 0.5
    easiest = np.argsort(sizes, kind="stable")[: int(np.ceil(share * len(ids)))]
    return ids[np.sort(easiest)]
