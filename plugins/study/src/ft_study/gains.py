"""How much better one way of training is than another, and how sure that is.

A score varies with the seed and with the examples that happen to be in the test split, and both
count: a gain is to hold for other seeds and other examples. Runs with the same seed, scored on the
same examples, are paired, so what both share cancels out.

The variance of the mean gain over S seeds has two parts. That of the seeds is the variance of the
gains of the S pairs, divided by S. That of the examples comes from the bootstrap: the same draws of
examples in every run (`ft.Draws`), so the spread of the mean gain over the draws. What seeds and
examples do together is in both parts, and is taken out of the second once. Few seeds make the first
part uncertain itself, so the test is a t test with the degrees of freedom of Satterthwaite (1946)
for such a sum, a little fewer where there are few seeds, and not a percentile of resampled seeds, which is far too sure of itself at five
seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from ft import Draws

LEVEL = 0.95
ALPHA = 0.05
POWER = 0.8
MOST_SEEDS = 1000
FAR = 3.0
"""Standard errors from zero beyond which a test does not err in the sign."""


@dataclass(frozen=True)
class Gain:
    """The mean gain over pairs of runs.

    Attributes:
        value: the mean, positive where the first of each pair is better.
        low: lower end of the 95 % interval; ``None`` where no variance is known.
        high: its upper end.
        p: of the hypothesis that there is no gain, two-sided, not corrected.
        seeds: pairs of runs.
        items: test items that were drawn from; ``None`` where the runs kept no draws.
        seed_variance: of the gain of one pair, over seeds; ``None`` for a single pair.
        item_variance: of the gain, over draws of the test items.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    seeds: int
    items: int | None
    seed_variance: float | None
    item_variance: float


def gain(
    better: Sequence[float],
    worse: Sequence[float],
    draws: Sequence[tuple[Draws, Draws]] | None,
    *,
    higher_is_better: bool = True,
) -> Gain:
    """The gain of one way of training over another.

    Args:
        better: (seeds,), the scores of the one.
        worse: (seeds,), those of the other with the same seeds.
        draws: those of each pair; ``None`` where some run has none, or draws other items: then
            the test items count as given.
        higher_is_better: which way is up.
    """
    sign = 1.0 if higher_is_better else -1.0
    gains = sign * (np.asarray(better, float) - np.asarray(worse, float))
    seeds, mean = len(gains), float(gains.mean())
    by_seed = float(gains.var(ddof=1)) if seeds > 1 else None
    items, by_item = None, 0.0
    if draws is not None:
        items = draws[0][0].items
        drawn = np.stack([sign * (one.values - other.values) for one, other in draws])
        drawn = drawn[:, ~np.isnan(drawn).any(0)]
        by_item = _item_variance(drawn - gains[:, None]) if drawn.shape[1] > 1 else 0.0
    low, high, p = _test(mean, seeds, items, by_seed, by_item)
    return Gain(mean, low, high, p, seeds, items, by_seed, by_item)


def _item_variance(deviations: np.ndarray) -> float:
    """The variance of the mean gain over draws, without what seeds and items do together.

    Args:
        deviations: (seeds, draws), the gain of each draw less that of all items.
    """
    seeds = len(deviations)
    whole = float(deviations.mean(0).var(ddof=1))
    if seeds == 1:
        return whole
    centred = deviations - deviations.mean(1, keepdims=True)
    return max(whole - float(centred.var(0, ddof=1).mean()) / seeds, 0.0)


def _test(
    mean: float, seeds: int, items: int | None, by_seed: float | None, by_item: float
) -> tuple[float | None, float | None, float | None]:
    """The ends of the interval and p."""
    if by_seed is None and items is None:
        return None, None, None
    variance, freedom = _total(seeds, items, by_seed, by_item)
    if variance == 0:
        return mean, mean, 1.0 if mean == 0 else None
    error = math.sqrt(variance)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return mean - reach, mean + reach, float(2 * stats.t.sf(abs(mean) / error, freedom))


def _total(
    seeds: int, items: int | None, by_seed: float | None, by_item: float
) -> tuple[float, float]:
    """The variance of the mean gain, and its degrees of freedom (Satterthwaite 1946).

    For the degrees of freedom the seeds' part is taken ``(f + 2) / f`` times, with ``f`` its own:
    few seeds often show too little of it, and the test would then be sure where it should be least.
    """
    parts, cautious = [], []
    if by_seed is not None:
        part, freedom = by_seed / seeds, seeds - 1
        parts.append(part)
        cautious.append((part * (freedom + 2) / freedom, freedom))
    if items is not None:
        parts.append(by_item)
        cautious.append((by_item, max(items - 1, 1)))
    below = sum(part**2 / freedom for part, freedom in cautious)
    return sum(parts), sum(part for part, _ in cautious) ** 2 / below if below else 1.0


def holm(values: Sequence[float | None]) -> list[float | None]:
    """P corrected for several tests (Holm 1979): the chance that any of them errs is kept.

    A ``None`` is no test and stays one.
    """
    tested = sorted((p, k) for k, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, k) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[k] = largest
    return corrected


def power(found: Gain, seeds: int, alpha: float, value: float | None = None) -> float:
    """The chance that a test at level ``alpha`` finds the gain with so many seeds.

    Args:
        found: brings the variances.
        seeds: pairs of runs.
        alpha: level of the test, two-sided.
        value: the true gain; by default the one that was found.
    """
    by_seed = found.seed_variance
    if by_seed is None or (seeds < 2 and found.items is None):
        return math.nan
    variance, freedom = _total(
        seeds, found.items, by_seed if seeds > 1 else None, found.item_variance
    )
    if variance == 0:
        return 1.0
    shift = abs(found.value if value is None else value) / math.sqrt(variance)
    limit = float(stats.t.ppf(1 - alpha / 2, freedom))
    found_so = float(stats.nct.sf(limit, freedom, shift))
    # SciPy gives NaN for tails as thin as this one becomes.
    against = float(stats.nct.cdf(-limit, freedom, shift)) if shift < FAR else 0.0
    return found_so + against


def seeds_needed(found: Gain, alpha: float) -> int | None:
    """The fewest seeds with which a test at level ``alpha`` finds the gain four times in five.

    ``None`` where that takes more than `MOST_SEEDS`, or no number of seeds would do.
    """
    low, high = 2, MOST_SEEDS
    if not power(found, high, alpha) >= POWER:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(found, middle, alpha) >= POWER else (middle + 1, high)
    return low


def items_needed(found: Gain, alpha: float) -> int | None:
    """About how many test items it takes, at any number of seeds; ``None`` if that is unknown."""
    if not found.items or found.value == 0:
        return None
    reach = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER))
    return math.ceil(found.items * found.item_variance * (reach / found.value) ** 2)


def p_text(p: float | None) -> str:
    """A p for people."""
    if p is None:
        return ""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"
