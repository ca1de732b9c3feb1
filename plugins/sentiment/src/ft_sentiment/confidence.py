"""Scores of probabilities: calibration error and AUROC."""

from __future__ import annotations

import numpy as np

from ft import Metric, bootstrap_sums
from ft_sentiment.classes import metric

BINS = 15
RESAMPLES = 1000


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each probability among `BINS` equally wide ones, each closed on the right."""
    bins: np.ndarray = np.ceil(np.asarray(confidence) * BINS).astype(int) - 1
    return bins.clip(0, BINS - 1)


def calibration_error(
    confidence: np.ndarray, correct: np.ndarray, *, seed: int, resamples: int = RESAMPLES
) -> Metric:
    """Expected calibration error (Guo et al. 2017): 15 bins of equal width, with its interval.

    Chance alone makes the error of a sample larger than that of the whole, of a bootstrap sample
    once more, so the interval is moved down by what the bootstrap adds on average.

    Args:
        confidence: (examples,) or (examples, decisions), the probability of what was decided.
        correct: the same shape, whether it was right.
        seed: of the bootstrap.
        resamples: bootstrap samples of examples.
    """
    gaps = confidence - correct
    count = len(gaps)
    # What each example adds to the gap of each bin.
    cells = confidence_bins(confidence).reshape(count, -1) + BINS * np.arange(count)[:, None]
    sums = np.bincount(cells.ravel(), weights=gaps.ravel(), minlength=BINS * count)
    sums = sums.reshape(count, BINS)

    def error(sums: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(sums).sum(1) / gaps.size)

    value = float(error(sums.sum(0, keepdims=True))[0])
    (drawn,) = bootstrap_sums(sums, error, seed=seed, resamples=resamples)
    added = float(drawn.draws.values.mean()) - value
    interval = (max(drawn.low - added, 0.0), drawn.high - added)
    return metric(value, interval, higher_is_better=False)
