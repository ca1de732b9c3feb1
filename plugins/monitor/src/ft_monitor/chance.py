"""How often chance alone gives a surge, and the level of p at which it gives as many as are allowed.

Counts are whole numbers and a surge needs a few posts, so at a level of p of one in a thousand chance gives a surge less
often than in one look of a thousand, and the fewer the posts the less often. What chance gave at each of
some levels in the looks of the last weeks is known exactly, from the posts that came and the share that was usual.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVELS = np.logspace(-7, -1.5, 23)
"""The levels of p at which it is known; between them it is taken from a line."""


def tails(posts: int, least: int, share: float, wide: float) -> np.ndarray:
    """How likely chance gives at least so many negative posts.

    Args:
        posts: of a window.
        least: the smallest number of negative posts that is asked for.
        share: the share that is usual.
        wide: the variance of the number, in units of a binomial one; above 1 it is beta-binomial.

    Returns:
        (posts - least + 1,) for ``least``, ``least + 1``, ... ``posts`` negative ones or more.
    """
    from scipy.special import betaln, gammaln
    from scipy.stats import binom

    counts = np.arange(least, posts + 1)
    if wide <= 1 + 1e-9 or posts < 2:
        each = binom.pmf(counts, posts, share)
    else:
        size = max(0.5, (posts - 1) / (wide - 1) - 1)
        good, bad = (1 - share) * size, share * size
        ways = gammaln(posts + 1) - gammaln(counts + 1) - gammaln(posts - counts + 1)
        each = np.exp(ways + betaln(counts + bad, posts - counts + good) - betaln(bad, good))
    return np.asarray(each[::-1].cumsum()[::-1])


def given(falling: np.ndarray) -> np.ndarray:
    """(levels,) how likely chance gives a surge at each of `LEVELS`, where `tails` are these."""
    first = np.searchsorted(-falling, -LEVELS)
    return np.append(falling, 0.0)[first]


def anew(alike: Sequence[float]) -> np.ndarray:
    """(levels,) how likely no other window gave a surge, where this one does.

    Args:
        alike: of each other window, the correlation of its count with this one's: what they share of their
            posts. The counts are taken as normal, and the other windows as independent given this one.
    """
    from scipy.special import ndtr, ndtri

    least = -ndtri(LEVELS)
    usual = (
        np.exp(-(least**2) / 2) / np.sqrt(2 * np.pi) / LEVELS
    )  # of a normal value above the least
    each = np.array(alike)[:, None]
    return np.asarray(ndtr((least - each * usual) / np.sqrt(1 - each**2)).prod(0))


def level(rates: np.ndarray, allowed: float, looks: float) -> float:
    """The level of p at which chance gives as many surges as are allowed.

    Args:
        rates: (levels,) how many it gives in some time at each of `LEVELS`.
        allowed: how many are allowed in that time.
        looks: how many looks there are in that time; chance never gives more than ``allowed`` at
            a level of ``allowed / looks``, which is the least that is given back.
    """
    sure = allowed / looks
    below = int((rates <= allowed).sum()) - 1
    if below < 0:
        return sure
    if below == len(LEVELS) - 1:
        return max(sure, float(LEVELS[-1]))
    low, high = float(rates[below]), float(rates[below + 1])
    part = float(np.log(allowed / low) / np.log(high / low)) if low > 0 else 0.0
    return max(sure, float(LEVELS[below] * (LEVELS[below + 1] / LEVELS[below]) ** part))
