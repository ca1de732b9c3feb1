"""`ft.auroc` and each of its draws against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

import ft

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=50).filter(
    lambda rows: len({row[0] for row in rows}) == 2
)


@given(ROWS)
def test_it_is_scikit_learns_with_ties(rows: list[tuple[bool, int]]) -> None:
    positive, scores = (np.array(column) for column in zip(*rows, strict=True))
    assert ft.auroc(positive, scores).value == pytest.approx(
        metrics.roc_auc_score(positive, scores)
    )


def test_so_is_that_of_each_draw() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.1
    scores = np.round(rng.normal(positive, 1), 1)
    found = ft.auroc(positive, scores, seed=3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.draws is not None
    # Each sample that `bootstrap_items` draws with the same seed, one by one.
    seen: list[float] = []

    def area(sample: np.ndarray) -> float:
        seen.append(metrics.roc_auc_score(positive[sample], scores[sample]))
        return seen[-1]

    interval = ft.bootstrap_items(area, 200, seed=3)
    assert found.draws.values == pytest.approx(np.array(seen))
    assert (found.low, found.high) == pytest.approx(interval[:2])


def test_draws_of_one_class_are_left_out() -> None:
    found = ft.auroc(np.array([True, False]), np.array([0.9, 0.1]))
    assert found.value == found.low == found.high == 1.0
    assert found.draws is not None
    assert np.isnan(found.draws.values).any()


@pytest.mark.parametrize("positive", [True, False])
def test_one_class_alone_has_none(positive: bool) -> None:
    with pytest.raises(ValueError, match="positive and negative"):
        ft.auroc(np.full(3, positive), np.arange(3))
