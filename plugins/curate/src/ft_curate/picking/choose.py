"""Which texts of a pool to label: those that a model is unsure of, and that differ from each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

Measure = Literal["margin", "entropy", "least"]
Strategy = Literal["mixed", "uncertain", "diverse", "random"]

WIDE = 10
"""How many times as many texts as are wanted the strategy ``mixed`` chooses among."""

ROUNDS = 25


def uncertainty(shares: np.ndarray, measure: Measure, *, multi: bool = False) -> float:
    """How unsure a model is of one text, from 0 to 1.

    Args:
        shares: (classes,) probabilities; or (words, tags), whose mean over the words it is then, so
            that a long text is not chosen for its length (Shen et al. 2018).
        measure: ``margin``: how close the two likeliest are (Scheffer, Decomain and Wrobel 2001);
            ``entropy``; ``least``: how unlikely the likeliest is.
        multi: each class is predicted or not; then the class that is least decided counts.
    """
    if not shares.size:
        return 0.0
    if multi:
        return float(1 - np.abs(2 * shares - 1).min())
    rows = np.atleast_2d(shares)
    if rows.shape[1] < 2:
        return 0.0
    if measure == "entropy":
        logs = np.log(np.maximum(rows, 1e-12))
        return float((-(rows * logs).sum(1) / np.log(rows.shape[1])).mean())
    if measure == "least":
        return float((1 - rows.max(1)).mean())
    top = np.partition(rows, -2, axis=1)[:, -2:]
    return float((1 - (top[:, 1] - top[:, 0])).mean())


def choose(
    unsure: np.ndarray,
    count: int,
    strategy: Strategy,
    vectors: Callable[[Sequence[int]], np.ndarray],
    random: np.random.Generator,
) -> list[int]:
    """The texts to label.

    Args:
        unsure: (texts,) how unsure the model is of each.
        count: how many are wanted.
        strategy: ``mixed``: of the ten times as many least sure ones, those nearest to the centres of
            as many clusters, weighed by how unsure they are (Zhdanov 2019); ``uncertain``: the
            least sure ones; ``diverse``: each as far as can be from those before it (Sener and
            Savarese 2018); ``random``.
        vectors: gives those of some texts: (texts, dimensions).
        random: breaks ties and draws.

    Returns:
        Their positions.
    """
    everyone = random.permutation(len(unsure))
    if strategy == "random" or count >= len(unsure):
        return list(map(int, everyone[:count]))
    by_need = everyone[np.argsort(-unsure[everyone], kind="stable")]
    if strategy == "uncertain":
        return list(map(int, by_need[:count]))
    if strategy == "diverse":
        found = _farthest(_unit(vectors(everyone.tolist())), count)
        return list(map(int, everyone[found]))
    some = by_need[: WIDE * count]
    found = _clustered(_unit(vectors(some.tolist())), unsure[some], count, random)
    return list(map(int, some[found]))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _farthest(vectors: np.ndarray, count: int) -> list[int]:
    """Greedy centres: each the text that is farthest from its nearest centre."""
    found = [0]
    nearest = np.linalg.norm(vectors - vectors[0], axis=1)
    while len(found) < count:
        nearest[found[-1]] = -1
        found.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[found[-1]], axis=1))
    return found


def _clustered(
    vectors: np.ndarray, weights: np.ndarray, count: int, random: np.random.Generator
) -> list[int]:
    """The text nearest to each centre of a weighted k-means."""
    weights = np.maximum(weights, 1e-6)
    centres = vectors[random.choice(len(vectors), count, replace=False, p=weights / weights.sum())]
    for _ in range(ROUNDS):
        own = _distances(vectors, centres).argmin(1)
        sums = np.zeros_like(centres)
        np.add.at(sums, own, vectors * weights[:, None])
        mass = np.bincount(own, weights=weights, minlength=count)
        moved = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-12)[:, None], centres)
        if np.allclose(moved, centres):
            break
        centres = moved
    far = _distances(vectors, centres)
    found: list[int] = []
    for centre in range(count):  # a text stands for one centre alone
        place = int(far[:, centre].argmin())
        found.append(place)
        far[place] = np.inf
    return found


def _distances(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    squares = (vectors**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * vectors @ centres.T
    return np.asarray(np.maximum(squares, 0))
