"""Shares behind a classifier's mistakes: the truth is within the interval as often as it says."""

from __future__ import annotations

import numpy as np

from ft_monitor.quantify import Confusion, corrected


def test_the_truth_is_within_the_interval() -> None:
    rng = np.random.default_rng(0)
    mixed = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
    truth = np.array([0.3, 0.4, 0.3])
    inside = plain = 0
    for _ in range(300):
        counts = np.stack([rng.multinomial(150, row) for row in mixed]).astype(float)
        answers = rng.multinomial(400, truth @ mixed).astype(float)
        share, index = corrected(answers, Confusion(("-", "0", "+"), counts), [0], [2])
        inside += share.low <= truth[0] <= share.high
        assert index.low <= index.value <= index.high
        bare = corrected(answers, Confusion(("-", "0", "+"), np.zeros((3, 3))), [0], [2])[0]
        plain += bare.low <= truth[0] <= bare.high
    assert 0.91 <= inside / 300 <= 1
    assert plain / 300 < 0.8  # the answers as they are: biased


def test_a_model_that_knows_nothing_says_nothing() -> None:
    counts = np.full((3, 3), 50.0)
    share, index = corrected(np.array([30.0, 40, 30]), Confusion(("-", "0", "+"), counts), [0], [2])
    assert share.high - share.low > 0.8
    assert index.high - index.low > 1.0
