"""What the processes of a run must agree on between two steps, so that all of them do the same."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from ft.contract.errors import Interrupted
from ft.engine.ranks.interrupt import Interrupt

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


class Agreement:
    """Whether to stop and whether to save: signals, clocks and plugins may differ by process.

    What each process wishes travels with the numbers of every step, so it costs nothing more. A
    process that is alone always does what it wishes now.

    Args:
        run: with its processes, and the stops that plugins asked for.

    Attributes:
        interrupt: takes the signals to this process.
        saved_at: when the last checkpoint was written, on the clock of this process.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._all: Sequence[float] = (0.0, 0.0, 0.0)
        self.interrupt = Interrupt()
        self.saved_at = perf_counter()

    def own(self) -> Sequence[float]:
        """What this process wishes, to be added up over all: leave, age of the checkpoint, end."""
        age = perf_counter() - self.saved_at if self._run.ranks.main else 0.0
        return (float(self.interrupt.asked), age, float(bool(self._run.stops)))

    def take(self, sums: Sequence[float]) -> None:
        """Note what all of them wished at the end of a step."""
        self._all = sums
        if sums[2] and self._run.ranks.count > 1:
            self.renew()

    def renew(self) -> None:
        """Ask all of them anew; what any plugin asked for becomes known to all."""
        if self._run.ranks.count == 1:
            return
        told = self._run.ranks.gather((self.own(), self._run.stops))
        self._all = [sum(column) for column in zip(*(own for own, _ in told), strict=True)]
        stops = [stop for _, stops in told for stop in stops]
        self._run.stops = [stop for i, stop in enumerate(stops) if stop not in stops[:i]]

    @property
    def leave(self) -> bool:
        """Whether the user asked any of them to stop."""
        return bool(self._now()[0])

    def stop_if_asked(self) -> None:
        """Leave where the user asked to; the state is saved.

        Raises:
            Interrupted: the user did.
        """
        run = self._run
        if self.leave:
            raise Interrupted(
                f"stopped at step {run.step} of {run.total_steps}; nothing is lost",
                hint=f"go on with `ft run --resume {run.output}`",
            )

    def checkpoint_is_due(self, step: int) -> bool:
        """Whether a checkpoint is due after a step, by ``run.checkpoint_steps`` and ``run.checkpoint_minutes``."""
        every, minutes = self._run.config.checkpoint_steps, self._run.config.checkpoint_minutes
        return bool(every and step % every == 0) or bool(minutes and self.age >= 60 * minutes)

    @property
    def age(self) -> float:
        """Seconds since the last checkpoint."""
        return self._now()[1]

    def _now(self) -> Sequence[float]:
        return self.own() if self._run.ranks.count == 1 else self._all
