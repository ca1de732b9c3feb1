"""How long a training is: its steps, how much of it is done, and the learning rate by that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ft.engine.optim.custom import checked_factor
from ft.engine.optim.optim import rate_factor

if TYPE_CHECKING:
    from ft.engine.resume.progress import Progress
    from ft.engine.run import LiveRun


class Length:
    """The steps of a training, by its epochs, ``run.max_steps`` and what a time limit leaves.

    Args:
        run: whose ``total_steps`` are kept up to date.
        progress: of the training; also what a resume goes on with.
        batches: of an epoch, as the size of the train split says.
        ordered: whether a plugin orders the examples: an epoch may then have any number of batches.
    """

    def __init__(self, run: LiveRun, progress: Progress, batches: int, *, ordered: bool) -> None:
        self._run = run
        self._ordered = ordered
        least = run.config.min_steps or 0
        run.epochs = max(run.config.epochs, least / batches)
        self._expected = max(math.ceil(run.config.epochs * batches), least)
        if run.epochs > run.config.epochs:
            run.note(
                f"run.min_steps = {least} takes {run.epochs:.3g} epochs, more than the "
                f"{run.config.epochs:g} of run.epochs"
            )
        self._set(progress)
        self.usual = run.total_steps
        self._schedule = run.hooks.only("learning_rate")
        if self._schedule and {"schedule", "warmup"} & run.config.model_fields_set:
            who = run.hooks.methods()["learning_rate"]
            run.note(f"run.schedule and run.warmup do nothing: the plugin '{who}' has the schedule")

    @property
    def batches(self) -> int:
        """Of an epoch, about."""
        return max(1, _whole(self._expected / self._run.epochs))

    def fitting(self, progress: Progress, seconds: float, step: float, evaluation: float) -> int:
        """Further steps that fit into some seconds, by what a step and an evaluation take."""
        config = self._run.config
        steps = seconds / (step + evaluation / (config.evaluate_steps or self.batches))
        if config.evaluations and not config.evaluate_steps:
            done = progress.step * config.evaluations // self._run.total_steps
            steps = max(steps, (seconds - (config.evaluations - done) * evaluation) / step)
        return max(0, int(steps))

    def evaluates(self, progress: Progress) -> bool:
        """Whether the validation split is scored after the epoch that ends here."""
        most, total = self._run.config.evaluations, self._run.total_steps
        if most is None or progress.step >= total or self._run.stops:
            return True
        return progress.step * most // total > (progress.step - progress.batch) * most // total

    def restore(self, progress: Progress) -> None:
        """As it was at a checkpoint."""
        if self._ordered:
            self._expected = progress.expected
        self._set(progress)

    def begin_epoch(self, progress: Progress, batches: int) -> None:
        """Count anew with an epoch of so many batches, and those that follow like it."""
        left = _whole((self._run.epochs - progress.epoch + 1) * batches)
        self._expected = progress.expected = progress.step + left
        self._set(progress)

    def limit(self, progress: Progress, steps: int) -> None:
        """End after so many steps, if it would go on longer."""
        progress.most = steps
        self._set(progress)

    def _set(self, progress: Progress) -> None:
        self._run.total_steps = min(self._expected, self._most(progress) or self._expected)

    def _most(self, progress: Progress) -> int | None:
        return min(filter(None, (self._run.config.max_steps, progress.most)), default=None)

    def share(self, progress: Progress, batches: int) -> float:
        """The share of the training that is done, in an epoch of so many batches."""
        if not self._ordered:
            return progress.step / self._run.total_steps
        epochs = (progress.epoch - 1 + progress.batch / batches) / self._run.epochs
        most = self._most(progress)
        return max(epochs, progress.step / most) if most else epochs

    def factor(self, progress: Progress, batches: int) -> float:
        """The share of the peak learning rate in the step that is due.

        Raises:
            PluginError: the schedule of a plugin gives no such number.
        """
        run = self._run
        if self._schedule is not None:
            return checked_factor(self._schedule, run, self.share(progress, batches))
        if self._ordered:
            share = self.share(progress, batches)
            return rate_factor(share * self.usual, self.usual, run.config)
        return rate_factor(progress.step, run.total_steps, run.config)


def _whole(steps: float) -> int:
    """Rounded up, unless it is only the error of a division that is above a whole number."""
    return math.ceil(round(steps, 6))
