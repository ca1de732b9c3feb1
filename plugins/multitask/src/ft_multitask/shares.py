"""How many examples of each task an epoch has, and which."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def epoch_sizes(sizes: Mapping[str, int], temperature: float) -> dict[str, int]:
    """How many examples of each task an epoch has, as many as there are in all.

    A task's share goes with its size to the power of 1 / temperature (Arivazhagan et al. 2019).

    Args:
        sizes: the training examples of each task.
        temperature: 1: as they are; the larger, the more even.
    """
    count = np.array(list(sizes.values()), dtype=float)
    shares = count ** (1 / temperature)
    wanted = shares / shares.sum() * count.sum()
    whole = np.floor(wanted).astype(int)
    # The largest remainders make up for what rounding down leaves.
    rest = int(count.sum()) - int(whole.sum())
    whole[np.argsort(whole - wanted, kind="stable")[:rest]] += 1
    return {name: max(1, int(n)) for name, n in zip(sizes, whole, strict=True)}


def draw_epoch(
    rows: Mapping[str, np.ndarray], sizes: Mapping[str, int], rng: np.random.Generator
) -> list[int]:
    """The examples of an epoch in random order; a task's come again only when all have come.

    Args:
        rows: the positions of each task's examples.
        sizes: how many of each the epoch has.
        rng: of the epoch.
    """
    drawn = []
    for name, own in rows.items():
        rounds = -(-sizes[name] // len(own))
        drawn.append(np.concatenate([rng.permutation(own) for _ in range(rounds)])[: sizes[name]])
    return [int(i) for i in rng.permutation(np.concatenate(drawn))]
