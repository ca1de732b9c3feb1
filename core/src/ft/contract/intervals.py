"""Bootstrap confidence intervals over test items (Efron & Tibshirani 1993)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ft.contract.draws import Draws, Interval, keep

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


def bootstrap_sums(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of a statistic of summed counts, such as micro F1.

    Args:
        counts: (items, k), what each test item contributes; with ``groups``, (rows, k).
        statistic: maps sums of shape (draws, k) to (draws,) or (draws, q); NaN where a draw does
            not define it, which is left out.
        groups: (items,), the row of ``counts`` that each item contributes, where many items
            contribute the same.
        resamples: bootstrap samples drawn.
        level: coverage of the interval.
        seed: of the resampling. Only metrics with the same seed can be compared between runs, so
            leave it alone.

    Returns:
        Lower and upper ends, each a scalar array or of shape (q,); NaN where no draw defines it.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    counts = np.asarray(counts, dtype=np.float64)
    items = len(counts if groups is None else groups)
    sums = np.empty((resamples, counts.shape[1]))
    for i in range(resamples):
        drawn = rng.integers(0, items, items)
        rows = drawn if groups is None else groups[drawn]
        sums[i] = np.bincount(rows, minlength=len(counts)) @ counts
    whole = counts if groups is None else counts[groups]
    return _ends(statistic(sums), level, statistic(whole.sum(0, keepdims=True))[0], items, seed)


def bootstrap_items(
    statistic: Callable[[np.ndarray], float],
    items: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of any statistic of a sample of items, such as AUROC.

    Args:
        statistic: maps an array of item indices, (items,), drawn with replacement, to a number;
            NaN where the sample does not define it (one class only), which is left out.
        items: how many test items there are.
        resamples: bootstrap samples drawn.
        level: coverage of the interval.
        seed: of the resampling. Only metrics with the same seed can be compared between runs, so
            leave it alone.

    Returns:
        Lower and upper end; both NaN if no sample defines the statistic.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(0, items, items)) for _ in range(resamples)])
    low, high = _ends(values, level, statistic(np.arange(items)), items, seed)
    return float(low), float(high)


def _ends(
    values: np.ndarray, level: float, whole: Any, items: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The percentiles of (draws,) or (draws, q), NaN left out, handed to who collects draws."""
    import numpy as np

    tail = (1 - level) / 2 * 100
    undefined = np.isnan(values).all(axis=0)
    low, high = np.nanpercentile(np.where(undefined, 0.0, values), [tail, 100 - tail], axis=0)
    low, high = np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
    columns = values.reshape(len(values), -1)
    points = zip(*(np.ravel(one).tolist() for one in (low, high, whole)), strict=True)
    keep(
        Interval(bottom, top, point, Draws(columns[:, k], items, seed))
        for k, (bottom, top, point) in enumerate(points)
    )
    return low, high
