"""What each reporter prints of a run."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft.contract.results import Metric, Table
from ft.reporters.choose import choose
from ft.reporters.lines import JsonReporter, PlainReporter, QuietReporter
from ft.reporters.pace import Pace
from ft.reporters.reporter import Reporter
from ft.reporters.terminal import RichReporter
from ft.reporters.text import aligned, duration, metrics_text, number


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines(telling: ModuleType) -> None:
    out = io.StringIO()
    telling.show(PlainReporter(out, interval=0, clock=Clock()), telling.DONE)
    assert out.getvalue() == (
        "data: reading and checking\n"
        "note: a tenth of train is validation\n"
        "info: 3 words are long\n"
        "warning: 2 duplicates (a.conll:3)\n"
        "encode train: 10 of 20\n"
        "encode train: 20\n"
        "train: 3 steps\n"
        "step 3/3  loss 0.7000  learning rate 1.00e-04\n"
        "validation, epoch 1, step 3: f1 0.2500 [0.2000, 0.3000]  loss 0.1000  (kept)\n"
        "\nby type\ntype        f1\nperson  0.5000\n地点\nstrict\n\n"
        "trained 3 steps in 1:01\n"
        "\nwhat each plugin cost\nplugin  hook    calls  seconds\ntoy     encode      3   0.2500\n\n"
        "everything is in runs/r1, the model in runs/r1/model\n"
        "use it: ft predict runs/r1 FILE\n"
    )


def test_plain_lines_come_at_most_every_ten_seconds() -> None:
    out, clock = io.StringIO(), Clock()
    reporter = PlainReporter(out, clock=clock)
    reporter.train_start(1000, 0, 1.0)
    reporter.phase("train")
    for step in range(1, 301):
        clock.now += 0.1
        reporter.train_step(step, 500 * step, 0.5, None)
        reporter.progress("predict", step, 1000)
    steps = [line for line in out.getvalue().splitlines() if line.startswith(("step", "predict"))]
    assert len(steps) in (2, 3)


def test_the_pace_leaves_out_evaluations_and_what_was_done_before() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.start(100, 40)
    for step in range(41, 51):
        clock.now += 1.0
        pace.mark(step, 10_000 + 200 * step)
    pace.pause()
    clock.now += 1000.0
    pace.mark(51, 10_000 + 200 * 51)
    assert pace.text() == "200 tokens/s  0:49 left"
    assert pace.text("images") == "200 images/s  0:49 left"


def test_json_lines(telling: ModuleType) -> None:
    out = io.StringIO()
    telling.show(JsonReporter(out, clock=Clock()), telling.DONE)
    events = [json.loads(line, parse_constant=pytest.fail) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == [
        "phase", "note", "finding", "finding", "progress", "progress", "phase", "train_start",
        "train_step", "evaluation", "table", "finish",
    ]  # fmt: skip
    assert events[9]["metrics"]["f1"]["low"] == 0.2
    assert events[-1]["metrics"]["test"]["loss"]["value"] is None
    assert events[-1]["output"] == "runs/r1"


def test_json_takes_numbers_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    out = io.StringIO()
    rows = ((numpy.float32(0.5), numpy.int64(3), Path("a")),)
    JsonReporter(out).table(Table("t", ("a", "b", "c"), rows))
    assert json.loads(out.getvalue())["rows"] == [[0.5, 3, "a"]]


def test_quiet_says_the_final_metrics_and_what_is_wrong(telling: ModuleType) -> None:
    out, errors = io.StringIO(), io.StringIO()
    telling.show(QuietReporter(out, errors), telling.DONE)
    assert out.getvalue() == "test: f1 0.5000 [0.4000, 0.6000]  loss nan\n"
    assert errors.getvalue() == "warning: 2 duplicates (a.conll:3)\n"


def test_the_terminal_shows_the_same_lines(telling: ModuleType) -> None:
    out = io.StringIO()
    reporter = RichReporter(out)
    telling.show(reporter, telling.DONE)
    reporter.close()
    reporter.close()
    text = out.getvalue()
    assert "note: a tenth of train is validation\n" in text
    assert "validation, epoch 1, step 3: f1 0.2500 [0.2000, 0.3000]  loss 0.1000  (kept)" in text
    assert "by type\ntype        f1\nperson  0.5000\n地点\nstrict\n" in text
    assert "use it: ft predict runs/r1 FILE\n" in text


def test_the_terminal_draws_a_bar_with_loss_and_speed() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    os.environ.update(TERM="xterm", COLUMNS="120")
    out = Terminal()
    reporter = RichReporter(out)
    reporter.phase("train", "90 steps")
    reporter.train_start(90, 0, 1.0)
    for step in range(1, 46):
        reporter.train_step(step, 700 * step, 0.7, 1e-4)
    reporter._bars.refresh()
    reporter.close()
    assert re.search(r"45/90.*loss 0\.7000  [\d,]+ tokens/s  0:00 left", out.getvalue())


@pytest.mark.parametrize("which", [RichReporter, PlainReporter])
def test_lines_break_between_words_on_a_narrow_terminal(
    which: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    words = [f"word{i}" for i in range(60)]
    table = Table("classes", ("class", "f1"), ((" ".join(words), 0.5), ("b", 0.25)), "a note " * 30)
    out = Terminal()
    reporter = which(out)
    reporter.note(" ".join(words))
    reporter.finding("warning", " ".join(words))
    reporter.table(table)
    close = getattr(reporter, "close", None)
    if close:
        close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("word59") == 3
    assert text.split().count("note") == 30


def test_a_line_of_json_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    JsonReporter(out).note("a long note " * 30)
    assert json.loads(out.getvalue())["text"] == "a long note " * 30


def test_a_gone_reader_does_not_end_the_run(telling: ModuleType) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    telling.show(PlainReporter(Gone()), telling.DONE)


def test_the_choice_of_a_reporter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose(quiet=False, as_json=True), JsonReporter)
    assert isinstance(choose(quiet=True, as_json=False), QuietReporter)
    assert isinstance(choose(quiet=False, as_json=False), PlainReporter)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(choose(quiet=False, as_json=False, to_stderr=True), RichReporter)
    monkeypatch.setenv("RANK", "1")
    assert type(choose(quiet=False, as_json=True)) is Reporter


def test_numbers_for_people() -> None:
    values = [0.0, 0.43119, 12.5, 1532.4, 3.2e-05, float("inf"), 1e12]
    assert [number(value) for value in values] == [
        "0.0000", "0.4312", "12.5000", "1532", "3.2e-05", "inf", "1e+12",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0, 61.4, 3725)] == ["0:00", "1:01", "1:02:05"]
    assert metrics_text({"f1": Metric(0.5, 0.4, 0.6)}) == "f1 0.5000 [0.4000, 0.6000]"
    assert list(aligned(("a", "b"), [])) == ["a  b"]
