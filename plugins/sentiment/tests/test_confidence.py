"""Calibration error by hand and by its definition."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft_sentiment.confidence import calibration_error


def test_calibration_error_by_hand():
    """0.9 sure and 3 of 4 right, 0.55 sure and 1 of 2 right: 4/6 * 0.15 + 2/6 * 0.05."""
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.55, 0.55])
    correct = np.array([1, 1, 1, 0, 1, 0])
    error = calibration_error(confidence, correct, seed=0)
    assert error.value == pytest.approx((4 * 0.15 + 2 * 0.05) / 6)
    assert not error.higher_is_better


@given(seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_calibration_error_is_guos(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.random(300)
    correct = rng.random(300) < confidence**2
    expected, edges = 0.0, np.linspace(0, 1, 16)
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    error = calibration_error(confidence, correct, seed=0, resamples=100)
    assert error.value == pytest.approx(expected)
    assert 0 <= error.low <= error.value <= error.high


def test_calibration_errors_interval_covers_the_error_of_the_whole():
    """Confidence 0.1 too high everywhere: over many samples the interval holds 0.1 nearly always."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        confidence = rng.uniform(0.5, 1, 1000)
        correct = rng.random(1000) < confidence - 0.1
        error = calibration_error(confidence, correct, seed=0, resamples=200)
        hits += error.low <= 0.1 <= error.high
    assert hits >= 88
