"""Where a run is, and how it has gone so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """What the loop must remember across a resume, beside weights and random states.

    Attributes:
        epoch: the epoch in progress, counted from 1.
        batch: batches done in it.
        step: optimizer steps done.
        expected: optimizer steps of all epochs, where a plugin orders the examples.
        most: optimizer steps that a time limit leaves; ``None``: not planned.
        seconds: since the command began, those of the commands before it counted.
        best: the best value of the deciding metric so far, and the step that reached it.
        misses: evaluations since then.
        train_seconds: time spent on batches and steps.
        tokens: real tokens seen, or what else features say that they cost; ``padded`` counts padding too.
        examples: features seen.
        unit: what is counted for people: ``tokens`` where there are any, else ``images`` or ``examples``.
        sums: what the next line of the log is made of, each with its type in torch.
        logged: what plugins add to that line.
        lines: lines of ``metrics.jsonl`` so far.
        stops: who asked the run to stop.
    """

    epoch: int = 1
    batch: int = 0
    step: int = 0
    expected: int = 0
    most: int | None = None
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    misses: int = 0
    train_seconds: float = 0.0
    tokens: int = 0
    padded: int = 0
    examples: int = 0
    unit: str = "tokens"
    sums: dict[str, tuple[float, str]] = field(default_factory=dict)
    logged: dict[str, float] = field(default_factory=dict)
    lines: int = 0
    stops: list[dict[str, Any]] = field(default_factory=list)

    def count(self, tokens: int, padded: int, examples: int, unit: str) -> None:
        """Count a step over so many tokens, and examples."""
        self.step += 1
        self.tokens += tokens
        self.padded += padded
        self.examples += examples
        self.unit = unit

    @property
    def seen(self) -> int:
        """How many of its unit were trained on."""
        return self.tokens if self.unit == "tokens" else self.examples
