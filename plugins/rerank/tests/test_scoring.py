"""Metrics of lists, against their definitions and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from ft_rerank.scoring import measures, summarise

LISTS = st.lists(st.integers(0, 4), min_size=1, max_size=30).map(lambda grades: [*grades, 1])


@given(LISTS, st.integers(1, 12))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_measures_are_those_of_scikit_learn(grades: list[int], top: int) -> None:
    ndcg, recall, mrr, average = measures(grades, top)
    scores = -np.arange(len(grades), dtype=float)
    gains = np.exp2(grades) - 1
    assert ndcg == pytest.approx(ndcg_score([gains], [scores], k=top))
    relevant = [grade > 0 for grade in grades]
    assert average == pytest.approx(average_precision_score(relevant, scores))
    assert mrr == 1 / (relevant.index(True) + 1)
    assert recall == sum(relevant[:top]) / sum(relevant)


def test_means_are_over_queries_with_an_interval_around_them() -> None:
    found = summarise([[1, 0], [0, 1]] * 20, 1)
    assert found["ndcg@1"].value == 0.5
    assert found["mrr"].value == 0.75
    assert found["ndcg@1"].low < 0.5 < found["ndcg@1"].high
