"""Shares of feelings behind the classifier's answers, with what its mistakes leave uncertain.

A classifier that takes a tenth of the good for bad reports bad news where there is none. The shares of its
answers are those of the truth, mixed by its confusion matrix; here they are unmixed (Rogan and Gladen
1978; Forman 2008), and the interval holds what the posts and the test split, both samples, leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 400


@dataclass(frozen=True)
class Share:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return {name: round(value, 5) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Confusion:
    """How a model answers, by the truth.

    Attributes:
        names: the feelings.
        counts: (truth, answer) of the test split; all 0 where it has none.
    """

    names: tuple[str, ...]
    counts: np.ndarray

    @property
    def known(self) -> bool:
        """Whether every feeling has been tested."""
        return bool((self.counts.sum(1) > 0).all())

    def rates(self, negative: Sequence[int]) -> tuple[float, float]:
        """How often the negative is answered where it is true, and where it is not."""
        inside = np.zeros(len(self.names), bool)
        inside[list(negative)] = True
        bad, good = self.counts[inside].sum(0), self.counts[~inside].sum(0)
        return tuple(float((one[inside].sum() + 0.5) / (one.sum() + 1)) for one in (bad, good))  # type: ignore[return-value]


def corrected(
    answers: np.ndarray, confusion: Confusion, negative: Sequence[int], positive: Sequence[int]
) -> tuple[Share, Share]:
    """The share of the negative, and the index: the positive's share less the negative's, from -1 to 1.

    Args:
        answers: (feelings,) how often each was answered.
        confusion: of the model; where it is not known the shares are those of the answers.
        negative: ids of the feelings that are bad.
        positive: of those that are good; where there are none, all others.
    """
    good = list(positive) or [k for k in range(len(answers)) if k not in negative]
    weights = np.zeros((2, len(answers)))
    weights[0, list(negative)] = 1
    weights[1, good] = 1
    weights[1, list(negative)] -= 1
    random = np.random.default_rng(0)  # the same answers have the same interval
    shares = random.dirichlet(answers + 0.5, DRAWS)
    value = answers / max(1, answers.sum())
    if confusion.known:
        mixed = np.stack([random.dirichlet(row + 0.5, DRAWS) for row in confusion.counts], 1)
        shares = _unmixed(shares, mixed)
        plain = (confusion.counts + 0.5) / (confusion.counts + 0.5).sum(1, keepdims=True)
        value = _unmixed(value[None], plain[None])[0]
    found = shares @ weights.T
    ends = np.quantile(found, [0.025, 0.975], axis=0)
    values = weights @ value
    bad, index = (
        Share(
            float(values[k]),
            float(min(ends[0, k], values[k])),
            float(max(ends[1, k], values[k])),
        )
        for k in range(2)
    )
    return bad, index


def _unmixed(shares: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """(draws, feelings) shares of the truth, within 0 and 1, from those of the answers."""
    turned = np.swapaxes(mixed, 1, 2)
    # Where the model answers the same whatever is true, nothing can be told apart.
    turned = turned + 1e-6 * np.eye(turned.shape[1])
    found = np.clip(np.linalg.solve(turned, shares[..., None])[..., 0], 0, None)
    return np.asarray(found / np.maximum(found.sum(1, keepdims=True), 1e-12))
