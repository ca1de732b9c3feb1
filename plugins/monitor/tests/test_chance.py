"""Chance alone gives as many alarms as are allowed, neither more nor far fewer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from ft_monitor.chance import LEVELS, anew, level, tails
from ft_monitor.chance import given as given_by
from ft_monitor.hours import ALL, Hour
from ft_monitor.judge import Judge
from ft_monitor.quantify import Confusion
from ft_monitor.series import TESTS, WEEK, Series
from ft_monitor.settings import Settings

NAMES = ("negative", "positive")
HOURS = 8760
WARM_UP = 14 * 24


@given(
    posts=st.integers(1, 400),
    part=st.floats(0, 1),
    share=st.floats(0.01, 0.9),
    wide=st.sampled_from([1.0, 1.3, 3.0]),
)
@settings(max_examples=60, deadline=None)
def test_tails_are_those_of_the_distribution(
    posts: int, part: float, share: float, wide: float
) -> None:
    least = round(part * posts)
    counts = np.arange(least, posts + 1)
    if wide > 1 and posts > 1:
        size = max(0.5, (posts - 1) / (wide - 1) - 1)
        known = betabinom.sf(counts - 1, posts, share * size, (1 - share) * size)
    else:
        known = binom.sf(counts - 1, posts, share)
    found = tails(posts, least, share, wide)
    np.testing.assert_allclose(found, known, rtol=1e-6, atol=1e-10)  # scipy takes 1 less the rest
    for limit, likely in zip(LEVELS, given_by(found), strict=True):
        below = found[found <= limit]
        assert likely == (below[0] if len(below) else 0.0)


@given(factor=st.floats(0.001, 3), allowed=st.floats(0.001, 30))
def test_the_level_gives_what_is_allowed(factor: float, allowed: float) -> None:
    looks = 1000.0
    rates = factor * looks * LEVELS  # chance gives some part of what its level says
    found = level(rates, allowed, looks)
    assert found >= allowed / looks
    if factor <= 1 and LEVELS[0] < found < LEVELS[-1]:
        assert factor * looks * found == pytest.approx(allowed, rel=1e-6)


def test_a_series_of_few_looks_takes_the_level_that_is_sure() -> None:
    series = Series(0, 0)
    for hour in range(100):
        series.look(hour, hour % WEEK, 2, 1, 0.0, Settings())
        series.learn(hour, hour % WEEK, 2, 1, 1.0)
        assert series.alpha(1.0) == 1.0 / TESTS


def test_a_window_within_another_counts_less() -> None:
    alone, some, most = anew([0.0]), anew([0.5]), anew([0.95, 0.5])
    np.testing.assert_allclose(alone, 1 - LEVELS, rtol=1e-9)
    assert (some < alone).all()
    assert (most < some).all()
    np.testing.assert_array_equal(anew([]), np.ones(len(LEVELS)))


@pytest.mark.parametrize(
    ("posts", "share"), [(0.5, 0.3), (3.0, 0.25), (12.0, 0.1)], ids=["few", "some", "many"]
)
def test_a_stable_year_has_as_many_alarms_as_are_allowed(posts: float, share: float) -> None:
    random = np.random.default_rng(3)
    hour = np.arange(HOURS)
    usual = posts * np.where((hour % 24 > 7) & (hour % 24 < 20), 1.5, 0.4)
    shares = share * np.where(hour // 24 % 7 > 4, 1.3, 1.0)
    judge, allowed = Judge(), 5.0
    confusion = Confusion(NAMES, np.eye(2) * 100)
    alarms = 0
    counts = {
        f"entity {k}": random.multinomial(
            random.poisson(usual), np.stack([shares, 1 - shares], axis=1)
        )
        for k in range(3)
    }
    for k in range(HOURS):
        own = {name: one[k].tolist() for name, one in counts.items() if one[k].sum()}
        if own:
            own[ALL] = np.sum(list(own.values()), axis=0).tolist()
        events, _ = judge.hour(
            473_328 + k, Hour(own), Settings(false_alarms=allowed), confusion, [0], [1], "m"
        )
        alarms += sum(one["event"] == "alarm" for one in events)
    expected = allowed * (HOURS - WARM_UP) / 730
    # 99 of 100 years; of the windows that overlap somewhat more alarms go on than are counted as such
    assert 0.7 * expected - 2.6 * math.sqrt(expected) < alarms
    assert alarms < 1.15 * expected + 2.6 * math.sqrt(expected)
