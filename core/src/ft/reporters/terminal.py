"""The reporter for a terminal: a progress bar with loss, speed and time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text
from typing_extensions import override

from ft.contract.results import Metric, Table
from ft.reporters.lines import closing
from ft.reporters.pace import Pace
from ft.reporters.reporter import Reporter
from ft.reporters.stream import LastingStream, visible
from ft.reporters.text import folded, metrics_text, number, read_lines, scored, table_text

if TYPE_CHECKING:
    from ft.contract.results import Result

_STYLES = {"error": "bold red", "warning": "yellow"}


class RichReporter(Reporter):
    """Draws on a terminal, four times a second, from a thread of its own."""

    def __init__(self, stream: TextIO) -> None:
        lasting: Any = LastingStream(stream)
        self._console = Console(file=lasting, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[info]}", markup=False),
            console=self._console,
            transient=True,
            refresh_per_second=4,
        )
        self._tasks: dict[str, TaskID] = {}
        self._phase = ""
        self._pace = Pace()

    def _print(self, text: str, style: str | None = None) -> None:
        lines = "\n".join(folded(visible(text), self._width))
        self._console.print(Text(lines, style=style or ""), soft_wrap=True)

    @property
    def _width(self) -> int | None:
        return self._console.width if self._console.is_terminal else None

    def _bar(self, name: str, total: int | None) -> TaskID:
        if name not in self._tasks:
            self._bars.start()
            self._tasks[name] = self._bars.add_task(name, total=total, info="")
        return self._tasks[name]

    def _drop(self, name: str) -> None:
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    @override
    def phase(self, name: str, detail: str = "") -> None:
        self._pace.pause()
        self._drop(self._phase)
        self._phase = name
        self._print(f"{name}: {detail}" if detail else name, "bold")
        self._bar(name, None)

    @override
    def note(self, text: str) -> None:
        self._print(f"note: {text}", "cyan")

    @override
    def finding(self, severity: str, text: str) -> None:
        self._print(f"{severity}: {text}", _STYLES.get(severity))

    @override
    def read(self, splits: Sequence[Mapping[str, Any]]) -> None:
        for line in read_lines(splits):
            self._print(line)

    @override
    def train_start(self, total_steps: int, steps_done: int, epochs: float) -> None:
        self._pace.start(total_steps, steps_done)
        self._bars.update(self._bar(self._phase, None), total=total_steps, completed=steps_done)

    @override
    def train_step(
        self,
        step: int,
        seen: int,
        loss: float | None,
        learning_rate: float | None,
        unit: str = "tokens",
    ) -> None:
        self._pace.mark(step, seen)
        if loss is None:
            return
        info = f"loss {number(loss)}  {self._pace.text(unit)}"
        self._bars.update(self._bar(self._phase, None), completed=step, info=info)

    @override
    def evaluation(
        self, step: int, epoch: int, split: str, metrics: Mapping[str, Metric], kept: bool
    ) -> None:
        self._pace.pause()
        line = f"{scored(split, epoch, step)}: {metrics_text(metrics)}"
        self._print(f"{line}  (kept)" if kept else line, "green" if kept else None)

    @override
    def progress(self, name: str, done: int, total: int) -> None:
        self._pace.pause()
        self._bars.update(self._bar(name, total or None), completed=done, total=total or None)
        if total and done >= total and name != self._phase:
            self._drop(name)

    @override
    def table(self, table: Table) -> None:
        self._print(f"\n{table_text(table, self._width)}\n")

    @override
    def finish(self, result: Result) -> None:
        self.close()
        for line in closing(result):
            self._print(line)

    def close(self) -> None:
        """Take the bars away and give the terminal back."""
        for name in list(self._tasks):
            self._drop(name)
        self._bars.stop()
