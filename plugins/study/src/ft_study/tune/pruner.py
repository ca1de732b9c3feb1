"""Tells the search how a run goes, and stops it where the search says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from ft import Config, Evaluation, Metric, Plugin, Predictions, Run, hookimpl

SPEC = "ft_study.tune.pruner:Pruner"
"""How ``--plugins`` names it."""

NAME = "tune"

Judge = Callable[[int, str, Metric], str | None]
"""Given an epoch, the metric's name and its value: why to stop, or ``None``."""


class PrunerConfig(Config):
    """What the search hands to a run."""

    judge: Judge | None = Field(
        None, exclude=True, description="asked after each epoch; `ft tune` sets it"
    )


class Pruner(Plugin):
    """Asks the search after each epoch whether to go on; without a search it does nothing."""

    name = NAME
    Config = PrunerConfig
    config: PrunerConfig

    def __init__(self, config: PrunerConfig | None = None) -> None:
        super().__init__(config)
        self._main: str | None = None

    @hookimpl
    def evaluate(
        self, inner: Callable[..., Evaluation], run: Run, predictions: Predictions
    ) -> Evaluation:
        """Only looks: the task says here which metric is its main one."""
        found = inner(run, predictions)
        self._main = found.main
        return found

    @hookimpl
    def on_epoch_end(self, run: Run, epoch: int, metrics: Mapping[str, Metric]) -> None:
        """Report the metric that chooses the best model."""
        name = run.config.metric or self._main
        if self.config.judge is None or name is None or name not in metrics:
            return
        reason = self.config.judge(epoch, name, metrics[name])
        if reason and run.step < run.total_steps:
            run.stop(self, reason)


def was_stopped(record: Mapping[str, Any]) -> bool:
    """Whether the search stopped a run early, by its record."""
    return any(stop["plugin"] == NAME for stop in record.get("stops", ()))


def upward(metric: Metric) -> float:
    """The value with its sign turned where lower is better: the search maximises."""
    return metric.value if metric.higher_is_better else -metric.value
