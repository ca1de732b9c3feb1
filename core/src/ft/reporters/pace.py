"""How fast training is."""

from __future__ import annotations

import time
from collections.abc import Callable

from ft.reporters.text import duration

_MEMORY = 30.0

Clock = Callable[[], float]


class Pace:
    """How fast training is and how long it will take, from the last half minute or so."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[float, int, int] | None = None
        self._seconds = self._steps = self._seen = 0.0
        self.total = 0
        self.step = 0

    def start(self, total: int, step: int) -> None:
        """Training begins."""
        self.total, self.step = total, step

    def mark(self, step: int, seen: int) -> float:
        """A step is done; returns the time."""
        now = self._clock()
        if self._last is not None:
            then, steps_then, seen_then = self._last
            self._seconds += now - then
            self._steps += step - steps_then
            self._seen += seen - seen_then
            if self._seconds > _MEMORY:
                self._seconds, self._steps, self._seen = (
                    value / 2 for value in (self._seconds, self._steps, self._seen)
                )
        self._last, self.step = (now, step, seen), step
        return now

    def pause(self) -> None:
        """Time until the next step does not count: something else takes place."""
        self._last = None

    def text(self, unit: str = "tokens") -> str:
        """``8,210 tokens/s  2:31 left``; empty while nothing is known."""
        if self._seconds <= 0 or self._steps <= 0:
            return ""
        left = (self.total - self.step) * self._seconds / self._steps
        return f"{self._seen / self._seconds:,.0f} {unit}/s  {duration(left)} left"
