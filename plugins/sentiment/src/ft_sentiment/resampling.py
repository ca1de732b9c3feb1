"""Percentile intervals of bootstrap samples."""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


def percentiles(values: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of each column of (resamples, q), NaN left out."""
    tail = (1 - level) / 2 * 100
    undefined = np.isnan(values).all(axis=0)
    low, high = np.nanpercentile(np.where(undefined, 0.0, values), [tail, 100 - tail], axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
