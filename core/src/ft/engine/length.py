"""How long a training is: its steps, and how much of it is done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

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
        self._expected = math.ceil(run.config.epochs * batches)
        self._set(progress)
        self.usual = run.total_steps

    @property
    def batches(self) -> int:
        """Of an epoch, about."""
        return max(1, math.ceil(self._expected / self._run.config.epochs))

    def restore(self, progress: Progress) -> None:
        """As it was at a checkpoint."""
        if self._ordered:
            self._expected = progress.expected
        self._set(progress)

    def begin_epoch(self, progress: Progress, batches: int) -> None:
        """Count anew with an epoch of so many batches, and those that follow like it."""
        left = math.ceil((self._run.config.epochs - progress.epoch + 1) * batches)
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
        epochs = (progress.epoch - 1 + progress.batch / batches) / self._run.config.epochs
        most = self._most(progress)
        return max(epochs, progress.step / most) if most else epochs

    def rate(self, progress: Progress, batches: int) -> float:
        """The share of the peak learning rate in the step that is due, by ``run.schedule``."""
        if self._ordered:
            share = self.share(progress, batches)
            return rate_factor(share * self.usual, self.usual, self._run.config)
        return rate_factor(progress.step, self._run.total_steps, self._run.config)
