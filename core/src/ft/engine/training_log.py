"""The training log: the mean loss over some steps, and what splits scored between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from ft.contract.results import Metric, scores
from ft.engine.done import Done
from ft.engine.resume.progress import Progress
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

EVERY = 10
"""Steps between lines."""


class TrainingLog:
    """Writes the log, shows it, and tells the plugins.

    Args:
        run: the run.
        folder: where the log goes.
        tell: tells plugins of an event (see `Step.tell`).

    Attributes:
        sums: what the steps since the last line have given; a checkpoint holds them.
    """

    def __init__(self, run: LiveRun, folder: RunFolder, tell: Callable[..., None]) -> None:
        self.run = run
        self.folder = folder
        self.sums: dict[str, Tensor] = {}
        self._tell = tell

    def add(self, done: Done) -> None:
        """Count what a step gave."""
        for name, value in done.sums.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def is_due(self, progress: Progress) -> bool:
        """Whether a line stands behind the step that was just made."""
        return not progress.step % EVERY or progress.step == self.run.total_steps

    def step(self, progress: Progress, factor: float) -> None:
        """Report a step; where a line is due, write the mean loss and its parts since the last one."""
        run = self.run
        rate = run.config.learning_rate * factor
        if not self.is_due(progress):
            run.reporter.train_step(progress.step, progress.seen, None, rate, progress.unit)
            return
        sums = self._all_sums()
        items = {name: max(sums.pop(name), 1e-12) for name in list(sums) if name[:5] == "items"}
        means = {n: v / items.get(f"items/{n}", items["items"]) for n, v in sums.items()}
        self.sums = {}
        values = {"learning_rate": rate, **means, **run.logged}
        self.folder.log({"step": progress.step, "epoch": progress.epoch, **values})
        run.logged = {}
        run.reporter.train_step(progress.step, progress.seen, means["loss"], rate, progress.unit)
        self._tell("on_log", step=progress.step, values=values)

    def _all_sums(self) -> dict[str, float]:
        """The sums since the last line over all processes, and what these have noted."""
        own = {name: float(value) for name, value in self.sums.items()}
        told = self.run.ranks.gather((own, self.run.notes))
        for note in [note for _, notes in told for note in notes]:
            self.run.note(note)
        names = dict.fromkeys(name for sums, _ in told for name in sums)
        return {name: sum(sums.get(name, 0.0) for sums, _ in told) for name in names}

    def split(
        self, progress: Progress, split: str, metrics: Mapping[str, Metric], better: bool
    ) -> None:
        """Write what a split scored, and say it.

        Args:
            progress: after which steps.
            split: its name.
            metrics: its scores.
            better: whether the weights are kept for them.
        """
        self.folder.log(
            {
                "step": progress.step,
                "epoch": progress.epoch,
                "split": split,
                "metrics": {key: metric.to_json() for key, metric in metrics.items()},
            }
        )
        self.run.reporter.evaluation(progress.step, progress.epoch, split, metrics, better)
        self._tell("on_log", step=progress.step, values=scores(split, metrics))
