"""Area under the ROC curve, with its interval (Fawcett 2006, *An introduction to ROC analysis*)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ft.contract.intervals import LEVEL, RESAMPLES, intervals_of, samples_of
from ft.contract.results import Metric

if TYPE_CHECKING:
    import numpy as np


def auroc(positive: np.ndarray, scores: np.ndarray, *, seed: int = 0) -> Metric:
    """The chance that a positive example has a higher score than a negative one, ties half.

    Args:
        positive: (examples,) bool.
        scores: (examples,), the higher the more positive.
        seed: of the resampling, as in `bootstrap_items`.

    Raises:
        ValueError: all examples are positive, or none is.
    """
    import numpy as np

    positive = np.asarray(positive, dtype=bool)
    if positive.all() or not positive.any():
        raise ValueError("the AUROC needs positive and negative examples")
    unique, places = np.unique(scores, return_inverse=True)
    width = 2 * len(unique)
    cells = 2 * places + positive

    def areas(samples: np.ndarray) -> np.ndarray:
        """Of each sample, (samples, examples); NaN where all in it are of one class."""
        apart = cells[samples] + width * np.arange(len(samples))[:, None]
        counts = np.bincount(apart.ravel(), minlength=width * len(samples))
        low, high = np.moveaxis(counts.reshape(-1, len(unique), 2), 2, 0)
        below = np.cumsum(low, 1)
        pairs = below[:, -1] * high.sum(1, dtype=float)
        right = (high * (below - low / 2)).sum(1)
        found: np.ndarray = np.full(len(samples), np.nan)
        np.divide(right, pairs, out=found, where=pairs > 0)
        return found

    count = len(cells)
    values = np.concatenate([areas(some) for some in samples_of(count, RESAMPLES, seed)])
    (interval,) = intervals_of(values, LEVEL, count, seed)
    value = float(areas(np.arange(count)[None])[0])
    return Metric(value) if np.isnan(interval.low) else Metric(value, *interval)
