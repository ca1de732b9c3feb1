"""`run.time_limit`: so many steps as there is time for, on a clock that the plugin moves."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from json import loads
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ft
from ft import Config, Plugin, hookimpl
from ft.contract.duration import seconds_of
from ft.contract.errors import Interrupted

HERE = Path(__file__)


class Clock:
    """Stands still until something that costs time moves it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class CostlyConfig(Config):
    """Seconds."""

    data: float = 3.0
    step: float = 2.0
    slower_from: int | None = None
    example: float = 0.02
    evaluation: float = 2.0


class Costly(Plugin):
    """Moves the clock by what data, a step, a predicted example and an evaluation cost."""

    name = "costly"
    Config = CostlyConfig
    config: CostlyConfig

    def spend(self, seconds: float) -> None:
        sys.modules["test_clock"].now += seconds  # type: ignore[attr-defined]

    @hookimpl
    def load_data(self, inner: Callable[..., Any], run: Any) -> Any:
        self.spend(self.config.data)
        return inner(run)

    @hookimpl
    def compute_loss(self, inner: Callable[..., Any], run: Any, model: Any, batch: Any) -> Any:
        late = self.config.slower_from is not None and run.step >= self.config.slower_from
        self.spend(self.config.step * (3 if late else 1))
        return inner(run, model, batch)

    @hookimpl
    def decode(self, inner: Callable[..., Any], run: Any, outputs: Any, examples: Any) -> Any:
        self.spend(self.config.example * len(outputs))
        return inner(run, outputs, examples)

    @hookimpl
    def evaluate(self, inner: Callable[..., Any], run: Any, predictions: Any) -> Any:
        self.spend(self.config.evaluation)
        return inner(run, predictions)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setitem(sys.modules, "test_clock", made)  # type: ignore[arg-type]
    for module in ("api", "engine.loop", "engine.time_limit", "engine.train"):
        monkeypatch.setattr(f"ft.{module}.perf_counter", made)
    return made


@pytest.fixture
def limited(go: Any, clock: Clock) -> Callable[..., Any]:
    """A run with a limit, and the seconds that it took by the clock."""

    def run(limit: str, *plugins: str, **settings: Any) -> tuple[Any, float]:
        values = {"epochs": 400, "costly": {}, **settings}
        began = clock.now
        result = go(["words", f"{HERE}:Costly", *plugins], time_limit=limit, **values)
        return result, clock.now - began

    return run


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"costly": {"slower_from": 20}},
        {"costly": {"evaluation": 11.0}},
        {"costly": {"example": 0.3}},
        {"evaluate_steps": 2},
        {"evaluations": 5, "costly": {"evaluation": 11.0}},
        {"max_steps": 10},
    ],
)
def test_the_whole_command_stays_within_its_limit(limited: Any, settings: Any) -> None:
    result, took = limited("4m", **settings)
    assert took <= 1.05 * 240
    steps = result.record["steps"]
    if "max_steps" in settings:
        assert steps == 10
        return
    assert took >= 0.75 * 240
    (note,) = [one for one in result.record["notes"] if "time limit" in one]
    assert f"of {math.ceil(400 * 6)} steps" in note


def test_the_learning_rate_falls_to_the_end_that_is_planned(limited: Any) -> None:
    result, _ = limited("4m")
    rows = (result.output / "metrics.jsonl").read_text().splitlines()
    rates = [row["learning_rate"] for row in map(loads, rows) if "learning_rate" in row]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 * 1e-3


def test_epochs_that_fit_are_trained_whole(limited: Any, go: Any) -> None:
    result, took = limited("1h", epochs=2)
    assert result.record["steps"] == 12
    assert took < 120
    assert not [one for one in result.record["notes"] if "time limit" in one]


def test_a_limit_in_which_nothing_can_be_trained_is_refused(limited: Any) -> None:
    for settings, why in (
        ({"costly": {"data": 90.0}}, "were over before the first step"),
        ({"costly": {"evaluation": 50.0, "example": 1.0}}, "nothing is left of 60s to train"),
    ):
        with pytest.raises(ft.ConfigError, match=why) as refused:
            limited("60s", **settings)
        assert refused.value.where == "run.time_limit"
        assert refused.value.hint


def test_a_resumed_run_goes_on_with_its_plan_and_the_time_that_is_left(
    limited: Any, clock: Clock, tmp_path: Path
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    stumble = {"armed": str(armed), "how": "int", "step": 30}
    began, output = clock.now, tmp_path / "out"
    with pytest.raises(Interrupted):
        limited("4m", "stumble", output=output, stumble=stumble)
    result = ft.run(resume=output)
    assert clock.now - began <= 1.05 * 240
    assert result.record["steps"] > 50


@pytest.mark.parametrize("text", ["", "10", "0s", "m", "10 m", "5m2h", "1d", "-3s", "1h1h"])
def test_what_is_no_length_of_time_is_refused(go: Any, text: str) -> None:
    with pytest.raises(ft.ConfigError, match="time_limit"):
        go(["words"], time_limit=text)


@given(st.integers(0, 50), st.integers(0, 90), st.integers(1, 90))
def test_lengths_of_time_add_up(hours: int, minutes: int, seconds: int) -> None:
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + f"{seconds}s"
    assert seconds_of(text) == 3600 * hours + 60 * minutes + seconds
