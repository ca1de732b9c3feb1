"""The order of an epoch's examples, and the batches that are cut from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft.engine.batch.order import POOL_BATCHES, Plan, parsed, shuffled


def plan_of(examples: int, batch_size: int, seed: int, epoch: int) -> Plan:
    return Plan(shuffled(examples, seed, epoch), batch_size, seed, epoch)


def epoch_of(plan: Plan, lengths: np.ndarray, first: int = 0) -> list[tuple[int, list[int]]]:
    """Every batch of an epoch from the pool that holds ``first`` on, with its number."""
    batches = []
    for begin, ids in plan.pools(first):
        cut = plan.cut(begin, lengths[ids].tolist())
        batches += [(begin + k, ids[chosen].tolist()) for k, chosen in enumerate(cut)]
    return batches


@given(
    examples=st.integers(1, 3000),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 9),
    epoch=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_an_epoch_is_every_example_once_in_full_batches(
    examples: int, batch_size: int, seed: int, epoch: int
) -> None:
    plan = plan_of(examples, batch_size, seed, epoch)
    lengths = np.random.default_rng(0).integers(1, 50, examples)
    batches = epoch_of(plan, lengths)
    assert sorted(i for _, batch in batches for i in batch) == list(range(examples))
    assert [number for number, _ in batches] == list(range(plan.batches))
    assert sum(len(batch) != batch_size for _, batch in batches) <= 1


def test_a_later_position_gives_the_same_batches_without_those_before() -> None:
    plan = plan_of(5000, 4, 3, 2)
    lengths = np.random.default_rng(0).integers(1, 50, 5000)
    whole = dict(epoch_of(plan, lengths))
    later = dict(epoch_of(plan, lengths, first=700))
    assert min(later) == 700 // POOL_BATCHES * POOL_BATCHES
    assert all(whole[number] == batch for number, batch in later.items())


def test_epochs_and_seeds_differ() -> None:
    lengths = np.ones(500, dtype=int)
    orders = [
        [batch for _, batch in epoch_of(plan_of(500, 8, seed, epoch), lengths)]
        for seed, epoch in ((0, 1), (0, 2), (1, 1))
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


def test_batches_are_alike_in_length() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.gamma(2.0, 12.0, 20_000).astype(int) + 3
    batches = epoch_of(plan_of(20_000, 16, 0, 1), lengths)
    real = lengths.sum()
    padded = sum(len(batch) * lengths[batch].max() for _, batch in batches)
    assert 1 - real / padded < 0.02


def test_the_shuffle_is_the_one_that_runs_have_always_had() -> None:
    """A number that changes here changes every run's result."""
    assert shuffled(10, 0, 1).tolist() == [9, 5, 6, 7, 1, 2, 3, 8, 0, 4]


def test_a_sequence_of_tuples_fixes_every_batch() -> None:
    rng = np.random.default_rng(1)
    fixed = [tuple(rng.integers(0, 50, rng.integers(1, 6)).tolist()) for _ in range(600)]
    ids, sizes = parsed(fixed, 50)
    plan = Plan(ids, 16, 0, 1, sizes)
    lengths = rng.integers(1, 50, 50)
    batches = epoch_of(plan, lengths)
    assert [tuple(batch) for _, batch in batches] == fixed
    later = epoch_of(plan, lengths, first=300)
    assert later == batches[256:]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ([], "no examples"),
        ([0, 5], "the id 5, and there are 5"),
        ([-1], "the id -1"),
        ([(0, 1), ()], "an empty batch, the one of step 2"),
        ([(0, 1), 2], "beside each other"),
        ([0.5], "no sequence of ids"),
        (["a"], "no sequence of ids"),
    ],
)
def test_what_is_no_order_is_said(given: object, what: str) -> None:
    with pytest.raises((TypeError, ValueError), match=what):
        parsed(given, 5)
