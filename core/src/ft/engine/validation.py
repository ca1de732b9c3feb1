"""Evaluations while a model trains, and the weights that are kept for them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from ft.contract.results import Metric
from ft.engine import evaluated
from ft.engine.batch.inference import measure
from ft.engine.metric import require
from ft.engine.resume.checkpoint import Checkpoints
from ft.engine.resume.progress import Progress
from ft.engine.training_log import TrainingLog

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


class Validation:
    """Scores the validation split and those that the schema asks for after each epoch.

    Args:
        run: with its model.
        checkpoints: where the best weights go.
        log: where the scores go.
    """

    def __init__(self, run: LiveRun, checkpoints: Checkpoints, log: TrainingLog) -> None:
        self.run = run
        self._checkpoints = checkpoints
        self._log = log
        self._weights = run.hooks.only("evaluation_weights")
        self._giver = f"plugin '{run.hooks.methods().get('evaluation_weights')}'"

    def take_weights(self) -> None:
        """Put the weights that are to be evaluated into the model, for good."""
        assert self.run.model is not None
        if self._weights is not None:
            evaluated.put(self.run.model, self._weights(self.run), self._giver)

    def score(self, progress: Progress) -> Mapping[str, Metric]:
        """Score every split that is due.

        Returns:
            The metrics of validation, and those of other splits as ``old/f1``.
        """
        run = self.run
        assert run.data is not None
        assert run.model is not None
        splits = run.data.scored(final=False)
        swapped: AbstractContextManager[None] = nullcontext()
        if self._weights is not None and splits:
            swapped = evaluated.weights(run.model, self._weights(run), self._giver)
        metrics: dict[str, Metric] = {}
        with swapped:
            for split in splits:
                if split == "validation":
                    metrics |= self._validate(progress)
                    continue
                _, _, own = measure(run, split)
                self._log.split(progress, split, own, better=False)
                metrics |= {f"{split}/{name}": metric for name, metric in own.items()}
        return metrics

    def _validate(self, progress: Progress) -> Mapping[str, Metric]:
        """Score the validation split, keep the best weights, count towards patience."""
        run = self.run
        _, evaluation, metrics = measure(run, "validation")
        name = run.config.metric or evaluation.main
        require(name, metrics)
        kept = progress.judge(metrics[name])
        if kept and run.ranks.main:
            value = metrics[name].value
            told = {"step": progress.step, "epoch": progress.epoch, "metric": name, "value": value}
            self._checkpoints.save_best(progress.step, told)
        self._log.split(progress, "validation", metrics, kept)
        if run.config.patience and progress.misses >= run.config.patience:
            run.stops.append(
                {
                    "plugin": "core",
                    "reason": f"{name} has not risen in {progress.misses} evaluations",
                    "step": progress.step,
                }
            )
        return metrics
