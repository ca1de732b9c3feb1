"""What the engine tells while it works; whoever shows it (a terminal, a log, nobody) implements this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ft.contract.results import Metric, Table

if TYPE_CHECKING:
    from ft.contract.results import Result


class Reporter(Protocol):
    """Is told what a run does. Every method returns at once and never fails the run."""

    def phase(self, name: str, detail: str = "") -> None:
        """A part of the run begins: ``data``, ``model``, ``encode``, ``train``, ``evaluate``."""

    def note(self, text: str) -> None:
        """Something was decided for the user."""

    def finding(self, severity: str, text: str) -> None:
        """The lint found something in the data; ``severity`` is ``info``, ``warning`` or ``error``."""

    def train_start(self, total_steps: int, steps_done: int, epochs: float) -> None:
        """Training begins, or goes on after ``steps_done`` optimizer steps."""

    def train_step(
        self, step: int, tokens: int, loss: float | None, learning_rate: float | None
    ) -> None:
        """An optimizer step is done; called for every one, so it must cost next to nothing.

        Args:
            step: optimizer steps done.
            tokens: tokens seen in all steps so far, without padding.
            loss: mean loss an item since it was last given; ``None`` on most steps.
            learning_rate: of the encoder, in this step.
        """

    def evaluation(
        self, step: int, epoch: int, split: str, metrics: Mapping[str, Metric], is_best: bool
    ) -> None:
        """A split was scored; ``is_best`` says that the model is the best one so far."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Encoding or prediction has done so many of so many examples; 0 in all: unknown."""

    def table(self, table: Table) -> None:
        """A table for people."""

    def finish(self, result: Result) -> None:
        """Everything is done and in the run folder."""


class SilentReporter:
    """Shows nothing: for the Python interface, where the result says it all."""

    def phase(self, name: str, detail: str = "") -> None:
        """See `Reporter.phase`."""

    def note(self, text: str) -> None:
        """See `Reporter.note`."""

    def finding(self, severity: str, text: str) -> None:
        """See `Reporter.finding`."""

    def train_start(self, total_steps: int, steps_done: int, epochs: float) -> None:
        """See `Reporter.train_start`."""

    def train_step(
        self, step: int, tokens: int, loss: float | None, learning_rate: float | None
    ) -> None:
        """See `Reporter.train_step`."""

    def evaluation(
        self, step: int, epoch: int, split: str, metrics: Mapping[str, Metric], is_best: bool
    ) -> None:
        """See `Reporter.evaluation`."""

    def progress(self, name: str, done: int, total: int) -> None:
        """See `Reporter.progress`."""

    def table(self, table: Table) -> None:
        """See `Reporter.table`."""

    def finish(self, result: Result) -> None:
        """See `Reporter.finish`."""

    def close(self) -> None:
        """Give back what the reporter holds, such as the terminal; also after an error."""
