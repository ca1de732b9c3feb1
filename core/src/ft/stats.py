"""Bootstrap confidence intervals over test items (Efron & Tibshirani 1993)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


def bootstrap_sums(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of a statistic of summed counts, such as micro F1.

    Args:
        counts: (items, k), what each test item contributes.
        statistic: maps sums of shape (resamples, k) to (resamples,) or (resamples, q).
        resamples: bootstrap samples drawn.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Lower and upper ends, each a scalar array or of shape (q,).
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    items = len(counts)
    counts = np.asarray(counts, dtype=np.float64)
    sums = np.empty((resamples, counts.shape[1]))
    for i in range(resamples):
        weights = np.bincount(rng.integers(0, items, items), minlength=items)
        sums[i] = weights @ counts
    return _percentiles(statistic(sums), level)


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
        seed: of the resampling.

    Returns:
        Lower and upper end; both NaN if no sample defines the statistic.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(0, items, items)) for _ in range(resamples)])
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = _percentiles(values, level)
    return float(low), float(high)


def _percentiles(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    tail = (1 - level) / 2 * 100
    low, high = np.percentile(values, [tail, 100 - tail], axis=0)
    return low, high
