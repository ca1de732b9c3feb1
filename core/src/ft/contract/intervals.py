"""Bootstrap confidence intervals over test items (Efron & Tibshirani 1993)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ft.contract.draws import Draws

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
AT_ONCE = 100_000
"""Items drawn by one call, unless a sample has more."""


class Interval(NamedTuple):
    """A percentile interval; ``Metric(value, *interval)`` is a metric that runs can be compared by.

    Attributes:
        low: its lower end; NaN where no draw defines the statistic.
        high: its upper end, or NaN.
        draws: the statistic of each draw.
    """

    low: float
    high: float
    draws: Draws


def bootstrap_sums(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Interval]:
    """Percentile intervals of statistics of summed counts, such as micro F1.

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
        An interval for each of the q statistics; one where ``statistic`` gives (draws,).
    """
    import numpy as np

    counts = np.asarray(counts, dtype=np.float64)
    items = len(counts if groups is None else groups)
    size, sums = len(counts), []
    for drawn in samples_of(items, resamples, seed):
        rows = drawn if groups is None else groups[drawn]
        apart = rows + size * np.arange(len(rows))[:, None]
        times = np.bincount(apart.ravel(), minlength=size * len(rows))
        sums.append(times.reshape(len(rows), size) @ counts)
    return intervals_of(statistic(np.concatenate(sums)), level, items, seed)


def bootstrap_items(
    statistic: Callable[[np.ndarray], float],
    items: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Percentile interval of any statistic of a sample of items, such as a median.

    Args:
        statistic: maps an array of item indices, (items,), drawn with replacement, to a number;
            NaN where the sample does not define it (one class only), which is left out.
        items: how many test items there are.
        resamples: bootstrap samples drawn.
        level: coverage of the interval.
        seed: of the resampling. Only metrics with the same seed can be compared between runs, so
            leave it alone.
    """
    import numpy as np

    samples = samples_of(items, resamples, seed)
    values = np.array([statistic(drawn) for several in samples for drawn in several])
    return intervals_of(values, level, items, seed)[0]


def samples_of(items: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Samples, (several, items), each the items that are drawn into it.

    As many at once as hold `AT_ONCE` items: a call costs more than a small sample does.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    together = max(1, AT_ONCE // max(items, 1))
    for begin in range(0, resamples, together):
        yield rng.integers(0, items, (min(together, resamples - begin), items))


def intervals_of(values: np.ndarray, level: float, items: int, seed: int) -> list[Interval]:
    """The percentiles of (draws,) or (draws, q), NaN left out."""
    import numpy as np

    values = values.reshape(len(values), -1)
    tail = (1 - level) / 2 * 100
    undefined = np.isnan(values).all(axis=0)
    low, high = np.nanpercentile(np.where(undefined, 0.0, values), [tail, 100 - tail], axis=0)
    low, high = np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return [Interval(*pair, Draws(values[:, k], items, seed)) for k, pair in enumerate(ends)]
