"""Scores of predicted numbers."""

from __future__ import annotations

import numpy as np

from ft import Metric, bootstrap_items, bootstrap_sums
from ft_sentiment.classes import metric, ratio


def number_rows(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(examples, 8), what each example adds to the sums that `number_scores` takes."""
    # Centred first: sums of squares of large numbers would cancel.
    x, y = gold - gold.mean(), predicted - predicted.mean()
    error = gold - predicted
    return np.stack([np.ones_like(x), abs(error), error**2, x, y, x * x, y * y, x * y], axis=1)


def number_scores(sums: np.ndarray) -> np.ndarray:
    """MAE, RMSE and Pearson's correlation from summed rows, (samples, 3); NaN where undefined."""
    n, absolute, squared, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.maximum(xx - x * x / n, 0) * np.maximum(yy - y * y / n, 0))
    return np.stack(
        [absolute / n, np.sqrt(squared / n), ratio(xy - x * y / n, spread, np.nan)], axis=1
    )


class Spearman:
    """Spearman's rank correlation of samples drawn with replacement, with no sorting each time.

    Args:
        gold: (examples,).
        predicted: (examples,).
    """

    def __init__(self, gold: np.ndarray, predicted: np.ndarray) -> None:
        self.groups = [np.unique(values, return_inverse=True)[1] for values in (gold, predicted)]

    def __call__(self, sample: np.ndarray) -> float:
        """The correlation of the examples at ``sample``; NaN if either side is constant."""
        x, y = (_mean_ranks(groups[sample]) for groups in self.groups)
        spread = np.sqrt((x @ x) * (y @ y))
        return float(x @ y / spread) if spread else float("nan")


def _mean_ranks(groups: np.ndarray) -> np.ndarray:
    """Ranks with ties averaged, minus their mean."""
    sizes = np.bincount(groups)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2
    return np.asarray(ranks[groups] - (len(groups) + 1) / 2)


def score_numbers(gold: np.ndarray, predicted: np.ndarray, *, seed: int) -> dict[str, Metric]:
    """MAE, RMSE, Pearson's and Spearman's correlation with 95 % bootstrap intervals.

    A correlation is left out where either side is constant.
    """
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    rows = number_rows(gold, predicted)
    with np.errstate(all="ignore"):
        intervals = bootstrap_sums(rows, lambda s: np.nan_to_num(number_scores(s)), seed=seed)
    metrics = {
        "mae": metric(mean_absolute_error(gold, predicted), intervals[0], higher_is_better=False),
        "rmse": metric(
            root_mean_squared_error(gold, predicted), intervals[1], higher_is_better=False
        ),
    }
    if len(np.unique(gold)) > 1 and len(np.unique(predicted)) > 1:
        from scipy.stats import pearsonr

        spearman = Spearman(gold, predicted)
        metrics["pearson"] = metric(pearsonr(gold, predicted).statistic, intervals[2])
        metrics["spearman"] = metric(
            spearman(np.arange(len(gold))), bootstrap_items(spearman, len(gold), seed=seed)
        )
    return metrics
