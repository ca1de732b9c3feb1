"""What an optimizer step did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ft.contract.errors import TrainingError

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


@dataclass
class Done:
    """What a step did.

    Attributes:
        sums: the summed loss, its parts and the items of this process, by name; scalars on the
            device.
        tokens: real tokens, of all processes.
        padded: tokens with padding, of all processes.
        wishes: what was given to the step for it, added up over the processes.
        total: the summed loss of the whole batch, a scalar on the device.
        norm: of the gradient before clipping, likewise; ``None`` where nothing was to be learnt.
    """

    sums: dict[str, Tensor] = field(default_factory=dict)
    tokens: int = 0
    padded: int = 0
    wishes: Sequence[float] = ()
    total: Tensor | None = None
    norm: Tensor | None = None

    def add(self, name: str, value: Tensor) -> None:
        """Add to a sum."""
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    def fault(self) -> str | None:
        """What of the step is not finite, for which the weights are as they were.

        This waits until the device has done the step.
        """
        for what, value in {"loss": self.total, "gradient's norm": self.norm}.items():
            if value is not None and not math.isfinite(value):
                return f"the {what} is {float(value)}"
        return None


def not_finite(run: LiveRun, what: str, where: str, last: Path | None) -> TrainingError:
    """The error of a step that is not finite.

    Args:
        run: whose step it was.
        what: is not finite, and in which step.
        where: the examples of its batch.
        last: the newest checkpoint.
    """
    way = f"`ft run --resume {run.output}` goes on from the last good state, {last}"
    return TrainingError(
        what,
        where=where,
        who=f"compute_loss: {run.hooks.describe('compute_loss')}",
        hint="lower run.learning_rate, raise run.warmup, or try run.precision = 'fp32'; "
        + (way if last else "there is no checkpoint yet: start again"),
    )
