"""Ranks and lists against the plain definition, metrics against hand computation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft_recommend import ranking
from ft_recommend.ranking import Search, best, rank_of
from ft_recommend.scoring import coverage, judge, rmse, summarise

scores = st.lists(st.integers(0, 6), min_size=1, max_size=40)


@given(scores, st.data())
@settings(deadline=None)
def test_rank_is_the_mean_place_among_the_allowed(values: list[int], data: st.DataObject) -> None:
    table = np.array(values, float)
    target = data.draw(st.integers(0, len(values) - 1))
    allowed = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    )
    rank = rank_of(table, target, allowed)
    others = [values[k] for k in range(len(values)) if allowed[k] and k != target]
    above = sum(value > values[target] for value in others)
    same = sum(value == values[target] for value in others)
    assert rank.rank == above + 1 + same / 2
    assert rank.among == len(others) + 1


@given(scores, st.integers(1, 10), st.data())
@settings(deadline=None)
def test_best_is_sorted_by_score_then_place(
    values: list[int], count: int, data: st.DataObject
) -> None:
    table = np.array(values, float)
    allowed = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    )
    expected = sorted((k for k in range(len(values)) if allowed[k]), key=lambda k: (-values[k], k))
    assert best(table, allowed, count).tolist() == expected[:count]


def test_search_is_the_matrix_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "CHUNK_SCORES", 120)
    rng = np.random.default_rng(0)
    items, users = rng.normal(size=(50, 4)), rng.normal(size=(7, 4))
    banned = [rng.permutation(50)[: 6 * k] for k in range(7)]
    found = Search(items).best(users.astype(np.float32), banned, 5)
    for user, without, (rows, values) in zip(users, banned, found, strict=True):
        table = items @ user
        assert rows.tolist() == best(table, ~np.isin(np.arange(50), without), 5).tolist()
        assert values == pytest.approx(table[rows], rel=1e-4)


def test_search_by_faiss_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    items, users = rng.normal(size=(300, 4)), rng.normal(size=(3, 4)).astype(np.float32)
    banned = [rng.permutation(300)[: 9 * k] for k in range(3)]
    plain = list(Search(items).best(users, banned, 5))
    monkeypatch.setattr(ranking, "FAISS_FROM", 10)
    for (rows, _), (same, _) in zip(plain, Search(items).best(users, banned, 5), strict=True):
        assert rows.tolist() == same.tolist()


def test_judge_leaves_out_what_was_seen() -> None:
    table = np.array([5.0, 4.0, 3.0, 2.0])
    cold = np.array([False, False, True, True])
    one = judge(table, 2, [0], cold, top=2, exclude=True)
    assert (one["rank"], one["among"], one["items"]) == (2, 3, [1, 2])
    assert (one["cold_rank"], one["cold_among"]) == (1, 2)
    kept = judge(table, 2, [0], cold, top=2, exclude=False)
    assert (kept["rank"], kept["among"], kept["items"]) == (3, 4, [0, 1])


def test_a_seen_target_is_missed_where_seen_items_are_left_out() -> None:
    table, cold = np.array([5.0, 4.0, 3.0]), np.zeros(3, bool)
    one = judge(table, 0, [0], cold, top=2, exclude=True)
    assert one["rank"] == one["among"] == 3
    assert one["items"] == [1, 2]
    assert judge(table, 0, [0], cold, top=2, exclude=False)["rank"] == 1


def test_an_own_score_moves_the_target() -> None:
    table, cold = np.array([5.0, 4.0, 3.0]), np.zeros(3, bool)
    assert judge(table, 2, [], cold, top=1, exclude=True, own=9.0)["rank"] == 1
    assert table[2] == 3.0


def test_metrics_by_hand() -> None:
    judged = [
        {"rank": 1, "among": 11, "items": [1, 2]},
        {"rank": 3, "among": 11, "items": [1, 3]},
        {"rank": 11, "among": 11, "items": [4, 5], "cold_rank": 2, "cold_among": 3},
    ]
    metrics = summarise(judged, ["a", "b", "c"], top=10, items=10, seed=0)
    value = {name: metric.value for name, metric in metrics.items()}
    assert value["ndcg@10"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert value["recall@10"] == pytest.approx(2 / 3)
    assert value["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 11) / 3)
    assert value["auc"] == pytest.approx((1 + 0.8 + 0) / 3)
    assert value["coverage@10"] == pytest.approx(0.5)
    assert value["cold_ndcg@10"] == pytest.approx(1 / math.log2(3))
    assert value["cold_auc"] == 0
    for metric in metrics.values():
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high


def test_a_user_with_several_examples_counts_once() -> None:
    judged = [{"rank": rank, "among": 9, "items": [1]} for rank in (1, 1, 1, 11)]
    metrics = summarise(judged, ["a", "a", "a", "b"], top=10, items=9, seed=0)
    assert metrics["recall@10"].value == 0.5


@given(st.lists(st.lists(st.integers(0, 9), max_size=4, unique=True), min_size=2, max_size=8))
@settings(deadline=None)
def test_coverage_is_jackknifed(lists: list[list[int]]) -> None:
    users = [f"u{k}" for k in range(len(lists))]
    metric = coverage(lists, users, 10)
    n = len(lists)
    without = [
        len({i for m, one in enumerate(lists) if m != k for i in one}) / 10 for k in range(n)
    ]
    error = np.sqrt((n - 1) / n * ((np.array(without) - np.mean(without)) ** 2).sum())
    assert metric.value == len({i for one in lists for i in one}) / 10
    assert metric.high == pytest.approx(min(1, metric.value + 1.959964 * error))


def test_rmse() -> None:
    metric = rmse(np.array([1.0, 3.0]), np.array([2.0, 5.0]), 0)
    assert metric.value == pytest.approx(math.sqrt(2.5))
    assert not metric.higher_is_better
