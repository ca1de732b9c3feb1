"""Where a run is, and how it has gone so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ft.contract.results import Metric

WIDTH = 3.92
"""Standard errors that a 95 % interval is wide."""


def standard_error(metric: Metric) -> float:
    """As the interval tells it; 0 where there is none."""
    if metric.low is None or metric.high is None:
        return 0.0
    return (metric.high - metric.low) / WIDTH


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
        best: the best value of the deciding metric so far, larger being better; ``None`` before the first evaluation.
        best_error: its standard error, 0 where the metric has no interval.
        best_step: the step whose weights are kept; ``None`` before the first evaluation.
        misses: evaluations since the best value.
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
    best_error: float = 0.0
    best_step: int | None = None
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

    def judge(self, metric: Metric) -> bool:
        """Count an evaluation, and say whether the weights of this step are the ones to keep.

        Those are the latest whose score is at most a standard error below the best (as Breiman et al. 1984, "Classification and Regression Trees",
        choose among trees): where few examples score a model, the best of many scores is mostly the luckiest. Of equal
        scores without an error, such as perfect ones, the first counts.
        """
        value = metric.value if metric.higher_is_better else -metric.value
        if self.best is None or value > self.best:
            self.best, self.best_error, self.misses = value, standard_error(metric), 0
        else:
            self.misses += 1
        keep = not self.misses or (self.best_error > 0 and value >= self.best - self.best_error)
        if keep:
            self.best_step = self.step
        return keep

    @property
    def seen(self) -> int:
        """How many of its unit were trained on."""
        return self.tokens if self.unit == "tokens" else self.examples
