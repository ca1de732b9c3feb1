"""What the engine tells while it works; a terminal, a log or nobody shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ft.contract.results import Metric, Table

if TYPE_CHECKING:
    from ft.contract.results import Result


class Reporter:
    """Is told what a run does, and shows nothing: whoever shows it overrides these methods.

    Every method returns at once and never fails the run.
    """

    def phase(self, name: str, detail: str = "") -> None:
        """A part of the run begins: ``data``, ``model``, ``encode``, ``train``, ``evaluate``."""

    def note(self, text: str) -> None:
        """Something was decided for the user."""

    def finding(self, severity: str, text: str) -> None:
        """The lint found something in the data; ``severity`` is ``info`` or ``warning``."""

    def read(self, splits: Sequence[Mapping[str, Any]]) -> None:
        """The data was read: of each split its files, first example, labels and times."""

    def train_start(self, total_steps: int, steps_done: int, epochs: float) -> None:
        """Training begins, or goes on after ``steps_done`` optimizer steps."""

    def train_step(
        self,
        step: int,
        seen: int,
        loss: float | None,
        learning_rate: float | None,
        unit: str = "tokens",
    ) -> None:
        """An optimizer step is done; called for every one, so it must cost next to nothing.

        Args:
            step: optimizer steps done.
            seen: tokens in all steps so far, without padding; where there are none, images or examples.
            loss: mean loss an item since it was last given; ``None`` on most steps.
            learning_rate: of the encoder, in this step.
            unit: what ``seen`` counts.
        """

    def evaluation(
        self, step: int, epoch: int, split: str, metrics: Mapping[str, Metric], kept: bool
    ) -> None:
        """A split was scored; ``kept`` says that its weights are those of the run so far."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Encoding or prediction has done so many of so many examples; 0 in all: unknown."""

    def table(self, table: Table) -> None:
        """A table for people."""

    def finish(self, result: Result) -> None:
        """Everything is done and in the run folder."""

    def close(self) -> None:
        """Give back what the reporter holds, such as the terminal; also after an error."""
