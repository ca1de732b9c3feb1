"""Bootstrap intervals of counts, from groups of alike examples instead of examples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
CELLS = 4_000_000
"""Counts drawn at a time, to bound memory."""


def bootstrap_groups(
    rows: np.ndarray,
    sizes: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of a statistic of summed counts, for examples that come in groups.

    Drawing n examples with replacement and counting each group's is one multinomial draw, so this
    is the bootstrap of `ft.bootstrap_sums` exactly, in time that does not grow with n.

    Args:
        rows: (groups, k), what each example of a group contributes.
        sizes: (groups,), examples in each group.
        statistic: maps sums, (resamples, k), to (resamples, q); NaN where a sample does not define
            it, which is left out.
        resamples: bootstrap samples drawn.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Lower and upper ends, each (q,); NaN where no sample defines the statistic.
    """
    rng = np.random.default_rng(seed)
    examples = int(sizes.sum())
    chunk = max(1, CELLS // len(sizes))
    sums = [
        rng.multinomial(examples, sizes / examples, size=min(chunk, resamples - begin)) @ rows
        for begin in range(0, resamples, chunk)
    ]
    return percentiles(statistic(np.concatenate(sums)), level)


def percentiles(values: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of each column of (resamples, q), NaN left out."""
    tail = (1 - level) / 2 * 100
    undefined = np.isnan(values).all(axis=0)
    low, high = np.nanpercentile(np.where(undefined, 0.0, values), [tail, 100 - tail], axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
