"""What the bootstrap draws is kept, so that runs can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft import Draws, Metric, bootstrap_items, bootstrap_sums, read_draws
from ft.contract.draws import by_metric, keeping, to_bytes
from ft.contract.errors import DataError

RIGHT = np.random.default_rng(0).random(60) < 0.7


def share(rows: np.ndarray) -> float:
    return float(RIGHT[rows].mean())


def test_a_metric_is_known_by_the_ends_of_its_interval() -> None:
    with keeping() as kept:
        low, high = bootstrap_items(share, 60)
        lows, highs = bootstrap_sums(
            np.stack([RIGHT, ~RIGHT, np.ones(60)], 1), lambda sums: sums[:, :2] / sums[:, 2:]
        )
    metrics = {
        "share": Metric(float(RIGHT.mean()), low, high),
        "right": Metric(float(RIGHT.mean()), float(lows[0]), float(highs[0])),
        "wrong": Metric(float((~RIGHT).mean()), float(lows[1]), float(highs[1])),
        "other": Metric(0.5, 0.1, 0.9),
        "bare": Metric(0.5),
    }
    found = by_metric(metrics, kept)
    assert set(found) == {"share", "right", "wrong"}
    np.testing.assert_array_equal(found["share"].values, found["right"].values)
    np.testing.assert_allclose(found["right"].values + found["wrong"].values, 1.0)
    assert np.percentile(found["share"].values, [2.5, 97.5]).tolist() == [low, high]


def test_of_equal_ends_the_value_and_then_the_order_decides() -> None:
    other = RIGHT[::-1].copy()
    with keeping() as kept:
        ends = [
            bootstrap_items(lambda rows, one=one: one[rows].mean(), 60) for one in (RIGHT, other)
        ]
        kept = [*kept]
    same = [type(one)(0.0, 1.0, one.whole, one.draws) for one in kept]
    metric = Metric(float(RIGHT.mean()), 0.0, 1.0)
    found = by_metric({"first": metric, "second": metric}, same)
    assert found["first"] is same[0].draws
    assert found["second"] is same[1].draws
    assert ends[0][0] > 0


def test_nobody_collects_outside() -> None:
    with keeping() as kept:
        bootstrap_items(share, 60, resamples=10)
    bootstrap_items(share, 60, resamples=10)
    assert len(kept) == 1


def test_runs_draw_the_same_items() -> None:
    with keeping() as kept:
        bootstrap_items(share, 60)
        bootstrap_sums(RIGHT[:, None], lambda sums: sums / 60)
        bootstrap_items(share, 60, seed=1)
        bootstrap_items(lambda rows: float(rows.mean()), 59)
    one, same, seed, items = (interval.draws for interval in kept)
    assert one.paired(same)
    assert not one.paired(seed)
    assert not one.paired(items)


def test_groups_are_the_items_that_they_stand_for() -> None:
    counts = np.array([[1.0, 1.0], [0.0, 1.0]])
    groups = np.where(RIGHT, 0, 1)

    def ratio(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    assert bootstrap_sums(counts, ratio, groups=groups) == bootstrap_sums(counts[groups], ratio)


def test_a_draw_that_does_not_define_the_statistic_is_left_out() -> None:
    counts = np.eye(5)

    def first(sums: np.ndarray) -> np.ndarray:
        return np.where(sums[:, 0] > 0, sums[:, 0], np.nan)

    low, high = bootstrap_sums(counts, first)
    assert 1 <= low <= high
    assert np.isnan(bootstrap_sums(counts, lambda sums: sums[:, 0] * np.nan)).all()


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
