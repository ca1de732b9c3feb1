"""Confident learning: labels that are probably wrong (Northcutt, Jiang, Chuang 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEW = 5
"""Examples of a class below which its threshold says little."""


@dataclass(frozen=True)
class Confident:
    """What the method finds.

    Attributes:
        rows: of the suspected labels, the likeliest wrong first.
        instead: the class that each of them seems to be.
        margins: by how much that class is likelier than the given one.
        thresholds: (classes,), how likely each class is on average where it is given; nan where it is not.
        expected: how many labels are wrong by the estimate of the joint distribution.
    """

    rows: np.ndarray
    instead: np.ndarray
    margins: np.ndarray
    thresholds: np.ndarray
    expected: float


def confident(shares: np.ndarray, given: np.ndarray) -> Confident:
    """Labels that the model contradicts with more confidence than it usually has.

    An example is counted for the class that is likeliest among those whose share reaches that class's
    threshold: the mean share of the class over the examples that are labelled so. Where that is another
    class than the given one, the label is suspected.

    Args:
        shares: (examples, classes), probabilities by a model that has not learned these labels.
        given: (examples,), ids of the labels.
    """
    examples, classes = shares.shape
    counts = np.bincount(given, minlength=classes)
    own = shares[np.arange(examples), given]
    sums = np.bincount(given, weights=own, minlength=classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        thresholds = np.where(counts > 0, sums / counts, np.nan)
    reached = shares >= np.where(np.isnan(thresholds), np.inf, thresholds)
    likeliest = np.where(reached, shares, -1).argmax(1)
    counted = reached.any(1)
    wrong = counted & (likeliest != given)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (given[counted], likeliest[counted]), 1)
    sums = joint.sum(1)
    # Each class as often as it is given (equation 3 of the paper); the off-diagonal part is wrong.
    share_wrong = np.where(sums > 0, 1 - np.diag(joint) / np.maximum(1, sums), 0)
    margins = shares[np.arange(examples), likeliest] - own
    rows = np.flatnonzero(wrong)
    rows = rows[np.argsort(-margins[rows], kind="stable")]
    return Confident(
        rows, likeliest[rows], margins[rows], thresholds, float((share_wrong * counts).sum())
    )
