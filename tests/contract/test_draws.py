"""What the bootstrap draws is kept, so that runs can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft import Draws, Metric, bootstrap_items, bootstrap_sums, read_draws
from ft.contract.draws import to_bytes
from ft.contract.errors import DataError

RIGHT = np.random.default_rng(0).random(60) < 0.7


def share(rows: np.ndarray) -> float:
    return float(RIGHT[rows].mean())


def test_a_metric_keeps_the_draws_of_its_interval() -> None:
    interval = bootstrap_items(share, 60)
    metric = Metric(float(RIGHT.mean()), *interval, higher_is_better=False)
    assert metric.draws is interval.draws
    assert np.percentile(metric.draws.values, [2.5, 97.5]).tolist() == [metric.low, metric.high]
    assert metric.to_json() == {
        "value": metric.value,
        "low": interval.low,
        "high": interval.high,
        "higher_is_better": False,
    }


def test_each_statistic_has_the_interval_of_its_own_draws() -> None:
    counts = np.stack([RIGHT, ~RIGHT, np.ones(60)], 1)
    right, wrong = bootstrap_sums(counts, lambda sums: sums[:, :2] / sums[:, 2:])
    np.testing.assert_array_equal(right.draws.values, bootstrap_items(share, 60).draws.values)
    np.testing.assert_allclose(right.draws.values + wrong.draws.values, 1.0)
    for one in (right, wrong):
        np.testing.assert_allclose(np.percentile(one.draws.values, [2.5, 97.5]), one[:2])


def test_runs_draw_the_same_items() -> None:
    one = bootstrap_items(share, 60).draws
    (same,) = bootstrap_sums(RIGHT[:, None], lambda sums: sums / 60)
    assert one.paired(same.draws)
    assert not one.paired(bootstrap_items(share, 60, seed=1).draws)
    assert not one.paired(bootstrap_items(lambda rows: float(rows.mean()), 59).draws)


@pytest.mark.parametrize("items", [60, 30_000])
def test_samples_are_the_same_one_by_one_and_together(items: int) -> None:
    """Of few items a thousand samples are drawn by one call, of many only three."""
    values = np.random.default_rng(1).random(items)
    one = bootstrap_items(lambda rows: float(values[rows].mean()), items, resamples=20)
    (many,) = bootstrap_sums(values[:, None], lambda sums: sums / items, resamples=20)
    np.testing.assert_allclose(many.draws.values, one.draws.values)


def test_groups_are_the_items_that_they_stand_for() -> None:
    counts = np.array([[1.0, 1.0], [0.0, 1.0]])
    groups = np.where(RIGHT, 0, 1)

    def ratio(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    (grouped,) = bootstrap_sums(counts, ratio, groups=groups)
    (single,) = bootstrap_sums(counts[groups], ratio)
    np.testing.assert_array_equal(grouped.draws.values, single.draws.values)


def test_a_draw_that_does_not_define_the_statistic_is_left_out() -> None:
    counts = np.eye(5)

    def first(sums: np.ndarray) -> np.ndarray:
        return np.where(sums[:, 0] > 0, sums[:, 0], np.nan)

    ((low, high, _),) = bootstrap_sums(counts, first)
    assert 1 <= low <= high
    (never,) = bootstrap_sums(counts, lambda sums: sums[:, 0] * np.nan)
    assert np.isnan(never[:2]).all()


def test_draws_are_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    path = tmp_path / "predictions" / "test.draws.safetensors"
    drawn = {"f1/a b": Draws(np.array([0.25, np.nan, 0.5]), 7, 3)}
    path.write_bytes(to_bytes(drawn))
    (found,) = read_draws(tmp_path).values()
    np.testing.assert_array_equal(found.values, drawn["f1/a b"].values)
    assert (found.items, found.seed) == (7, 3)
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be read"):
        read_draws(tmp_path)
    with pytest.raises(DataError, match="nothing to compare of its split 'validation'"):
        read_draws(tmp_path, "validation")


@pytest.mark.parametrize("task", ["ner", "sentiment", "recommend"])
def test_every_task_leaves_draws_that_are_the_same_for_any_seed(
    task: str, go: Any, data_files: dict[str, Any]
) -> None:
    pytest.importorskip(f"ft_{task}")
    runs = [go([task], seed=seed, **{task: data_files[task]}) for seed in (1, 2)]
    one, other = (read_draws(run.output) for run in runs)
    main = runs[0].record["best"]["metric"]
    assert main in one
    assert one[main].paired(other[main])
    metric = runs[0].metrics["test"][main]
    ends = np.nanpercentile(one[main].values, [2.5, 97.5])
    np.testing.assert_allclose(ends, [metric.low, metric.high], rtol=1e-5)
