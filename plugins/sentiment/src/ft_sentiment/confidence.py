"""Scores of probabilities: calibration error and AUROC."""

from __future__ import annotations

import numpy as np

from ft import Metric, bootstrap_items
from ft_sentiment.classes import metric
from ft_sentiment.resampling import RESAMPLES, percentiles

BINS = 15


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each probability among `BINS` equally wide ones, each closed on the right."""
    bins: np.ndarray = np.ceil(np.asarray(confidence) * BINS).astype(int) - 1
    return bins.clip(0, BINS - 1)


def ece_value(bins: np.ndarray, gaps: np.ndarray) -> float:
    """Expected calibration error from the bin and the confidence less correctness of decisions."""
    sums = np.bincount(bins.ravel(), weights=gaps.ravel(), minlength=BINS)
    return float(np.abs(sums).sum() / gaps.size)


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
    bins = confidence_bins(confidence)
    gaps = confidence - correct
    value = ece_value(bins, gaps)
    rng = np.random.default_rng(seed)
    values = np.empty(resamples)
    for i in range(resamples):
        sample = rng.integers(0, len(gaps), len(gaps))
        values[i] = ece_value(bins[sample], gaps[sample])
    low, high = percentiles(values[:, None] - (values.mean() - value))
    return metric(value, (max(float(low[0]), 0.0), float(high[0])), higher_is_better=False)


class Auroc:
    """Area under the ROC curve of samples drawn with replacement, with no sorting each time.

    Args:
        positive: (examples,), whether each is of the positive class.
        scores: (examples,), the higher the more positive.
    """

    def __init__(self, positive: np.ndarray, scores: np.ndarray) -> None:
        unique, groups = np.unique(scores, return_inverse=True)
        self.size = len(unique)
        self.cells = 2 * groups + np.asarray(positive, dtype=bool)

    def __call__(self, sample: np.ndarray) -> float:
        """The area for the examples at ``sample``; NaN if they are of one class."""
        counts = np.bincount(self.cells[sample], minlength=2 * self.size)
        negatives, positives = counts[::2], counts[1::2]
        below = np.cumsum(negatives)
        pairs = float(below[-1]) * float(positives.sum())
        if not pairs:
            return float("nan")
        # Ranked right: every negative with a lower score, and half of those with the same.
        return float(positives @ (below - negatives / 2) / pairs)


def auroc(positive: np.ndarray, scores: np.ndarray, *, seed: int) -> Metric:
    """Area under the ROC curve with its 95 % bootstrap interval; both classes must occur."""
    from sklearn.metrics import roc_auc_score

    interval = bootstrap_items(Auroc(positive, scores), len(scores), seed=seed)
    return metric(roc_auc_score(positive, scores), interval)
