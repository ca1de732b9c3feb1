"""Reporters for the command line: plain lines, JSON lines, next to nothing; and the choice of one."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from typing_extensions import override

from ft.contract.files import to_json
from ft.contract.results import Metric, Table
from ft.reporters.pace import Clock, Pace
from ft.reporters.reporter import Reporter
from ft.reporters.stream import LastingStream, visible
from ft.reporters.text import (
    cost_table,
    duration,
    folded,
    metrics_text,
    number,
    read_lines,
    scored,
    table_text,
    terminal_width,
)

if TYPE_CHECKING:
    from ft.contract.results import Result

INTERVAL = 10.0
"""Seconds between two lines of progress in a log."""


class LineReporter(Reporter):
    """Writes lines; when they cannot be written it falls silent, so that the run goes on."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = LastingStream(stream)

    def _say(self, text: str) -> None:
        self._write("\n".join(folded(visible(text), terminal_width(self._stream))))

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class PlainReporter(LineReporter):
    """Plain lines for a log: one every ten seconds at most, and every evaluation."""

    def __init__(
        self, stream: TextIO | None, *, interval: float = INTERVAL, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._interval, self._clock = interval, clock
        self._pace = Pace(clock)
        self._due = 0.0

    @override
    def phase(self, name: str, detail: str = "") -> None:
        self._pace.pause()
        self._due = self._clock() + self._interval
        self._say(f"{name}: {detail}" if detail else name)

    @override
    def note(self, text: str) -> None:
        self._say(f"note: {text}")

    @override
    def finding(self, severity: str, text: str) -> None:
        self._say(f"{severity}: {text}")

    @override
    def read(self, splits: Sequence[Mapping[str, Any]]) -> None:
        for line in read_lines(splits):
            self._say(line)

    @override
    def train_start(self, total_steps: int, steps_done: int, epochs: float) -> None:
        self._pace.start(total_steps, steps_done)

    @override
    def train_step(
        self,
        step: int,
        seen: int,
        loss: float | None,
        learning_rate: float | None,
        unit: str = "tokens",
    ) -> None:
        now = self._pace.mark(step, seen)
        if loss is not None and now >= self._due:
            self._due = now + self._interval
            rate = "" if learning_rate is None else f"learning rate {learning_rate:.2e}"
            parts = [f"step {step}/{self._pace.total}", f"loss {number(loss)}", rate]
            self._say("  ".join(part for part in (*parts, self._pace.text(unit)) if part))

    @override
    def evaluation(
        self, step: int, epoch: int, split: str, metrics: Mapping[str, Metric], kept: bool
    ) -> None:
        self._pace.pause()
        best = "  (kept)" if kept else ""
        self._say(f"{scored(split, epoch, step)}: {metrics_text(metrics)}{best}")

    @override
    def progress(self, name: str, done: int, total: int) -> None:
        self._pace.pause()
        now = self._clock()
        if now >= self._due:
            self._due = now + self._interval
            self._say(f"{name}: {done:,} of {total:,}" if total > done else f"{name}: {done:,}")

    @override
    def table(self, table: Table) -> None:
        self._say(f"\n{table_text(table)}\n")

    @override
    def finish(self, result: Result) -> None:
        for line in closing(result):
            self._say(line)


class QuietReporter(LineReporter):
    """Says the final metrics, and what is wrong with the data."""

    def __init__(self, stream: TextIO | None, errors: TextIO | None) -> None:
        super().__init__(stream)
        self._errors = LineReporter(errors)

    @override
    def finding(self, severity: str, text: str) -> None:
        if severity != "info":
            self._errors._say(f"{severity}: {text}")

    @override
    def finish(self, result: Result) -> None:
        for split, metrics in result.metrics.items():
            self._say(f"{split}: {metrics_text(metrics)}")


class JsonReporter(LineReporter):
    """One JSON object a line, each with its ``event``; numbers that JSON lacks become null."""

    def __init__(
        self, stream: TextIO | None, *, interval: float = 1.0, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._interval, self._clock = interval, clock
        self._due: dict[str, float] = {}

    def _event(self, event: str, **values: Any) -> None:
        self._write(visible(to_json({"event": event, **values})))

    @override
    def phase(self, name: str, detail: str = "") -> None:
        self._event("phase", name=name, detail=detail)

    @override
    def note(self, text: str) -> None:
        self._event("note", text=text)

    @override
    def finding(self, severity: str, text: str) -> None:
        self._event("finding", severity=severity, text=text)

    @override
    def read(self, splits: Sequence[Mapping[str, Any]]) -> None:
        self._event("read", splits=splits)

    @override
    def train_start(self, total_steps: int, steps_done: int, epochs: float) -> None:
        self._event("train_start", total_steps=total_steps, steps_done=steps_done, epochs=epochs)

    @override
    def train_step(
        self,
        step: int,
        seen: int,
        loss: float | None,
        learning_rate: float | None,
        unit: str = "tokens",
    ) -> None:
        if loss is not None:
            self._event(
                "train_step",
                step=step,
                loss=loss,
                learning_rate=learning_rate,
                **{unit: seen},
            )

    @override
    def evaluation(
        self, step: int, epoch: int, split: str, metrics: Mapping[str, Metric], kept: bool
    ) -> None:
        self._event("evaluation", step=step, epoch=epoch, split=split, metrics=metrics, kept=kept)

    @override
    def progress(self, name: str, done: int, total: int) -> None:
        now = self._clock()
        if 0 < total <= done or now >= self._due.get(name, -math.inf):
            self._due[name] = now + self._interval
            self._event("progress", name=name, done=done, total=total)

    @override
    def table(self, table: Table) -> None:
        self._event("table", **asdict(table))

    @override
    def finish(self, result: Result) -> None:
        advice = result.record.get("advice", [])
        self._event("finish", output=str(result.output), metrics=result.metrics, advice=advice)


def closing(result: Result) -> list[str]:
    """The last lines of a run: what it cost, where everything is, and what to do with it."""
    record = result.record
    lines = []
    if "train_seconds" in record:
        steps, seconds = record.get("steps", 0), record["train_seconds"]
        lines.append(f"trained {steps} steps in {duration(seconds)}")
    if record.get("costs"):
        lines += ["", table_text(cost_table(record["costs"])), ""]
    lines += [f"advice: {line}" for line in record.get("advice", ())]
    model = result.output / "model"
    lines.append(
        f"everything is in {result.output}" + (f", the model in {model}" if record else "")
    )
    page = result.output / "report.html"
    if page.is_file():
        lines.append(f"curves, errors and examples: {page}")
    if record:
        lines.append(f"use it: ft predict {result.output} FILE")
    return lines
