"""The statistics, by simulation and by what is known exactly."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ft import Draws
from ft_study.gains import Gain, gain, holm, items_needed, power, seeds_needed

ITEMS, DRAWS = 150, 200
WEIGHTS = np.random.default_rng(0).multinomial(ITEMS, np.full(ITEMS, 1 / ITEMS), DRAWS) / ITEMS
"""Every run on the same data has the same draws."""


class World:
    """Differences of pairs of runs: what items, seeds and both together do is normal.

    Args:
        true: the true gain.
        by_seed: standard deviation over seeds.
        by_item: over items.
        by_both: of what is neither the seed's nor the item's.
    """

    def __init__(self, true: float, by_seed: float, by_item: float, by_both: float) -> None:
        self.true, self.by_seed, self.by_item, self.by_both = true, by_seed, by_item, by_both

    def study(self, rng: np.random.Generator, seeds: int) -> Gain:
        gains = (
            self.true
            + self.by_item * rng.standard_normal(ITEMS)
            + self.by_seed * rng.standard_normal((seeds, 1))
            + self.by_both * rng.standard_normal((seeds, ITEMS))
        )
        nothing = Draws(np.zeros(DRAWS), ITEMS, 0)
        draws = [(Draws(WEIGHTS @ one, ITEMS, 0), nothing) for one in gains]
        return gain(gains.mean(1), np.zeros(seeds), draws)

    def truth(self, seeds: int) -> Gain:
        """The gain with the true variances."""
        return Gain(
            self.true,
            None,
            None,
            None,
            seeds,
            ITEMS,
            self.by_seed**2 + self.by_both**2 / ITEMS,
            self.by_item**2 / ITEMS,
        )


def margin(rate: float, trials: int) -> float:
    """Three standard errors of a share."""
    return 3 * math.sqrt(rate * (1 - rate) / trials)


@pytest.mark.parametrize(
    ("seeds", "deviations"),
    [
        (1, (0.0, 0.3, 0.3)),
        (3, (0.02, 0.3, 0.3)),
        (5, (0.02, 0.0, 0.3)),
        (5, (0.0, 0.3, 0.3)),
    ],
)
def test_without_a_true_difference_it_errs_at_its_nominal_rate(
    seeds: int, deviations: tuple[float, float, float]
) -> None:
    rng, trials = np.random.default_rng(7), 500
    world = World(0.0, *deviations)
    found = [world.study(rng, seeds).p or 0.0 for _ in range(trials)]
    assert abs(np.mean(np.array(found) <= 0.05) - 0.05) < margin(0.05, trials) + 0.005


def test_two_seeds_err_little_more_often() -> None:
    rng, trials = np.random.default_rng(12), 500
    world = World(0.0, 0.05, 0.3, 0.3)
    erred = np.mean([(world.study(rng, 2).p or 0.0) <= 0.05 for _ in range(trials)])
    assert erred < 0.08 + margin(0.08, trials)


def f1_of_study(rng: np.random.Generator, seeds: int, by_seed: float) -> Gain:
    """Two ways that are equally good on micro F1; each has sentences and seeds that suit it."""
    hard = rng.standard_normal(ITEMS) * 1.5
    spans = rng.poisson(1.5, ITEMS)
    scores, drawn = [], []
    for _ in range(2):
        suits = 0.7 * rng.standard_normal(ITEMS)
        luck = by_seed * rng.standard_normal((seeds, 1))
        chance = 1 / (1 + np.exp(hard + suits + luck - 0.5))
        right = rng.binomial(spans, chance)
        invented = rng.poisson(0.6 * (1 - chance))
        counts = np.stack([2 * right, spans + right + invented], axis=-1)
        sums = WEIGHTS @ counts
        scores.append(counts[..., 0].sum(1) / counts[..., 1].sum(1))
        drawn.append([Draws(one[:, 0] / one[:, 1], ITEMS, 0) for one in sums])
    return gain(*scores, list(zip(*drawn, strict=True)))


@pytest.mark.parametrize(("seeds", "by_seed"), [(1, 0.0), (3, 0.3), (5, 0.3)])
def test_it_errs_at_its_nominal_rate_for_f1_of_skewed_counts_too(
    seeds: int, by_seed: float
) -> None:
    rng, trials = np.random.default_rng(11), 600
    found = [f1_of_study(rng, seeds, by_seed) for _ in range(trials)]
    erred = np.mean([(one.p or 0.0) <= 0.05 for one in found])
    assert abs(erred - 0.05) < margin(0.05, trials) + 0.005


def test_corrected_tests_err_in_any_of_four_at_the_nominal_rate_at_most() -> None:
    rng, trials = np.random.default_rng(8), 250
    world = World(0.0, 0.02, 0.2, 0.3)
    erred = raw = 0
    for _ in range(trials):
        values = [world.study(rng, 5).p for _ in range(4)]
        raw += any(p is not None and p <= 0.05 for p in values)
        erred += any(p is not None and p <= 0.05 for p in holm(values))
    assert erred / trials < 0.05 + margin(0.05, trials)
    assert raw / trials > 0.1, "without the correction it would err far more often"


@pytest.mark.parametrize("seeds", [3, 6])
def test_a_planted_difference_is_found_at_the_computed_power(seeds: int) -> None:
    rng, trials = np.random.default_rng(9), 500
    world = World(0.06, 0.02, 0.2, 0.3)
    computed = power(world.truth(seeds), seeds, 0.05)
    found = np.mean([(world.study(rng, seeds).p or 0.0) <= 0.05 for _ in range(trials)])
    assert 0.3 < computed < 0.97
    # The power is of known variances; estimated ones cost a little of it.
    assert abs(found - computed) < margin(computed, trials) + 0.03


def test_the_interval_covers_the_true_gain_as_often_as_it_says() -> None:
    rng, trials = np.random.default_rng(10), 400
    world = World(0.06, 0.02, 0.2, 0.3)
    studies = [world.study(rng, 5) for _ in range(trials)]
    covered = np.mean([one.low <= 0.06 <= one.high for one in studies])  # type: ignore[operator]
    assert abs(covered - 0.95) < margin(0.95, trials) + 0.005


def test_seeds_alone_are_the_paired_t_test() -> None:
    ours, theirs = [0.61, 0.64, 0.60, 0.66], [0.60, 0.60, 0.61, 0.62]
    found = gain(ours, theirs, None)
    known = stats.ttest_rel(ours, theirs)
    interval = known.confidence_interval(0.95)
    assert found.p == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.items is None


def test_a_single_pair_is_the_test_of_the_mean_difference_of_its_items() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(300) < 0.8, rng.random(300) < 0.7
    picks = rng.integers(0, 300, (20_000, 300))
    draws = (Draws(ours[picks].mean(1), 300, 0), Draws(theirs[picks].mean(1), 300, 0))
    found = gain([ours.mean()], [theirs.mean()], [draws])
    known = stats.ttest_1samp(ours.astype(float) - theirs, 0.0)
    assert found.p == pytest.approx(known.pvalue, rel=0.15)
    assert found.seed_variance is None


def test_lower_is_better_turns_the_gain_around() -> None:
    assert gain([0.2, 0.3], [0.4, 0.6], None, higher_is_better=False).value == pytest.approx(0.25)


def test_the_same_predictions_are_no_difference() -> None:
    draws = Draws(np.linspace(0, 1, 50), 20, 0)
    found = gain([0.5], [0.5], [(draws, draws)])
    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_without_draws_one_pair_says_nothing() -> None:
    found = gain([0.5], [0.4], None)
    assert (found.low, found.high, found.p) == (None, None, None)


def test_holm_on_a_known_example() -> None:
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == pytest.approx([0.03, 0.06, None, 0.06, 0.02])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_the_raw_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    corrected = holm(values)
    for raw, one in zip(values, corrected, strict=True):
        assert one is not None
        assert raw <= one <= min(1.0, raw * len(values)) + 1e-12
    order = sorted(range(len(values)), key=lambda k: values[k])
    ranked = [corrected[k] for k in order]
    assert ranked == sorted(ranked)  # type: ignore[type-var]


def test_the_seeds_needed_have_the_power_and_one_fewer_has_not() -> None:
    found = World(0.03, 0.02, 0.05, 0.3).truth(3)
    wanted = seeds_needed(found, 0.05)
    assert wanted is not None
    assert power(found, wanted, 0.05) >= 0.8 > power(found, wanted - 1, 0.05)


@pytest.mark.parametrize(("value", "by_seed"), [(0.0213, 0.0301), (0.0367, 0.0519), (0.1, 0.01)])
def test_more_seeds_never_have_less_power(value: float, by_seed: float) -> None:
    found = Gain(value, None, None, None, 2, 60, by_seed**2, 6e-7)
    powers = [power(found, seeds, 0.01) for seeds in range(2, 1001)]
    assert all(one <= other + 1e-6 for one, other in itertools.pairwise(powers))
    assert powers[-1] == pytest.approx(1.0)
    assert seeds_needed(found, 0.01) == 2 + next(k for k, one in enumerate(powers) if one >= 0.8)


def test_where_the_items_are_too_few_no_seeds_tell() -> None:
    found = World(0.02, 0.02, 0.5, 0.0).truth(3)
    assert seeds_needed(found, 0.05) is None
    items = items_needed(found, 0.05)
    assert items is not None
    assert items > ITEMS
