"""A run that was killed and resumed is the run that was never stopped, to the last bit.

FT_FAULT_KILLS sets how many times runs are killed at random moments.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

KILLS = int(os.environ.get("FT_FAULT_KILLS", "200"))
STRIKE = Path(__file__).with_name("strike.py")
A_RUN = 5
"""Kills that a run suffers before it is let go to its end."""

TASKS = ("ner", "sentiment", "recommend")
CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ner,augment,adversarial": (["ner", "augment", "adversarial"], {"checkpoint_steps": 2}),
    **{
        f"{task},{technique}": ([task, technique], {})
        for task in TASKS
        for technique in ("augment", "adversarial")
    },
    "words,wobble,redraw": (["words", "wobble", "redraw"], {"checkpoint_steps": 3}),
}
"""Every task with every technique, and one with state of every kind."""

SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "max_steps": 10,
    "checkpoint_steps": 1,
    "evaluate_steps": 3,
    "keep_checkpoints": 2,
    "report": False,
}


class Killed:
    """Runs cases in processes of their own, which are killed.

    Args:
        start: runs a case here, for the reference.
        children: starts the processes.
        data: settings of the tasks.
        folder: for the runs.
    """

    def __init__(self, start: Any, children: Any, data: dict[str, Any], folder: Path) -> None:
        self.start, self.children, self.data, self.folder = start, children, data, folder
        self.armed = folder / "armed"
        self._references: dict[str, Path] = {}
        self._seconds: dict[str, float] = {}
        self._count = 0

    def reference(self, case: str) -> Path:
        """The run that is never stopped."""
        if case not in self._references:
            plugins, settings = CASES[case]
            tables = {task: self.data[task] for task in TASKS if task in plugins}
            output = self.folder / f"{case}-reference"
            strike = {"strike": {"armed": str(self.armed)}}
            members = [*plugins, "stumble", str(STRIKE)]
            self.start(members, output, **SETTINGS | settings | tables | strike)
            self._references[case] = output
        return self._references[case]

    def new(self, case: str, **stumble: Any) -> tuple[Path, Any]:
        """A new run of a case, and the process of it."""
        self._count += 1
        output = self.folder / f"{case}-{self._count}"
        config = self.reference(case) / "config.toml"
        overrides = [f"stumble.{key}={value}" for key, value in stumble.items()]
        options = [part for one in overrides for part in ("-o", one)]
        command = ["run", "--config", config, "--output", output, *options]
        return output, self.children.start(command, folder=Path.cwd())

    def resume(self, output: Path) -> Any:
        return self.children.start(["run", "--resume", output], folder=Path.cwd())

    def seconds(self, case: str) -> float:
        """How long a process takes for a whole run on this machine now."""
        if case not in self._seconds:
            self.reference(case)
            self.children.warm_up()
            begin = time.monotonic()
            _, child = self.new(case)
            assert child.wait() == 0, child.stderr
            self._seconds[case] = time.monotonic() - begin
        return self._seconds[case]


@pytest.fixture(scope="module")
def killed(
    start: Any,
    children: Any,
    data_files: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Killed:
    return Killed(start, children, data_files, tmp_path_factory.mktemp("killed"))


def end(killed: Killed, comparing: ModuleType, case: str, output: Path) -> str:
    """Go on to the end, compare, and give what was said."""
    if (output / "config.toml").exists():
        child = killed.resume(output)
    else:
        output, child = killed.new(case)
    assert child.wait() == 0, child.stderr
    comparing.assert_same(output, killed.reference(case))
    return str(child.stdout)


def test_a_killed_run_goes_on_as_if_it_had_not_been(
    killed: Killed, comparing: ModuleType, tmp_path: Path
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    case = "ner,augment,adversarial"
    output, child = killed.new(case, armed=armed, how="kill", step=8)
    assert child.wait() == -signal.SIGKILL, child.stderr
    assert "resumed at step 6 of 10" in end(killed, comparing, case, output)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(-(-KILLS // A_RUN)))
def test_a_run_killed_at_random_moments(
    killed: Killed, comparing: ModuleType, tally: Callable[..., None], number: int
) -> None:
    """At any moment, or (two in five) between two stages of writing a checkpoint."""
    rng = random.Random(number)
    case = list(CASES)[number % len(CASES)]
    kills = inside = halves = 0
    output = None
    while kills < min(A_RUN, KILLS - number * A_RUN):
        span, writing = killed.seconds(case), rng.random() < 0.4
        killed.armed.unlink(missing_ok=True)
        if writing:
            killed.armed.write_text(str(rng.randint(1, 60)))
        if output is not None and (output / "config.toml").exists():
            child = killed.resume(output)
        else:
            output, child = killed.new(case)
        if not writing:
            time.sleep(rng.uniform(0, span))
            child.kill()
        code = child.wait()
        if code == 0:
            # It was quicker: a run that is done cannot be killed.
            comparing.assert_same(output, killed.reference(case))
            output = None
            continue
        assert code == -signal.SIGKILL, child.stderr
        kills += 1
        inside += writing
        halves += any((output / "checkpoints").glob(".*"))
    killed.armed.unlink(missing_ok=True)
    assert output is not None
    end(killed, comparing, case, output)
    tally(kills=kills, kills_inside_checkpoint_writing=inside)
    tally(half_written_checkpoints_left=halves, bit_identical_ends_after_kills=1)
