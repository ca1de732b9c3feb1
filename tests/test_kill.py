"""A run that was killed and resumed is the run that was never stopped, to the last bit."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


class Killed:
    """Runs a case in processes of their own, which are killed.

    Args:
        tries: knows the cases.
        children: starts the processes.
    """

    def __init__(self, tries: Any, children: Any, comparing: ModuleType) -> None:
        self.tries, self.children, self.comparing = tries, children, comparing

    def start(self, case: str, output: Path, **stumble: Any) -> Any:
        """The command for a run as `Tries.run` does it."""
        config = self.tries.reference(case) / "config.toml"
        overrides = [f"stumble.{key}={value}" for key, value in stumble.items()]
        options = [part for one in overrides for part in ("-o", one)]
        return self.children.start(["run", "--config", config, "--output", output, *options])

    def resume(self, output: Path) -> Any:
        return self.children.start(["run", "--resume", output])

    def finish(self, case: str, output: Path) -> str:
        """Resume to the end, compare, and give what was said."""
        child = self.resume(output)
        assert child.wait() == 0, child.stderr
        self.comparing.assert_same(output, self.tries.reference(case))
        return str(child.stdout)


@pytest.fixture(scope="module")
def killed(tries: Any, children: Any, comparing: ModuleType) -> Killed:
    return Killed(tries, children, comparing)


def test_a_killed_run_goes_on_as_if_it_had_not_been(killed: Killed) -> None:
    output = killed.tries.new("adversarial")
    killed.tries.armed.touch()
    child = killed.start("adversarial", output, armed=killed.tries.armed, how="kill", step=8)
    assert child.wait() == -signal.SIGKILL, child.stderr
    assert "resumed at step 6 of 10" in killed.finish("adversarial", output)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(28))
def test_a_run_killed_at_random_moments(killed: Killed, number: int) -> None:
    """One to three kills, each at any moment between the first file in the folder and the end."""
    rng = random.Random(number)
    case = killed.tries.cases[number % len(killed.tries.cases)]
    wanted, kills, patience = rng.randint(1, 3), 0, 2.0
    output = killed.tries.new(case)
    child = killed.start(case, output)
    while kills < wanted:
        child.wait_until((output / "config.toml").exists)
        time.sleep(rng.uniform(0, patience))
        kills += child.kill()
        if (output / "record.json").exists():
            # Too late; a machine that is this fast needs shorter waits.
            patience *= 0.7
            output = killed.tries.new(case)
            child = killed.start(case, output)
        else:
            child = killed.resume(output)
    child.kill()
    if not (output / "record.json").exists():
        killed.finish(case, output)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(8))
def test_a_run_killed_while_it_writes_a_checkpoint(killed: Killed, number: int) -> None:
    """In the first, second, third and fourth thing that is written below ``checkpoints``."""
    case, wanted = ["wobble", "adversarial"][number % 2], number // 2
    output = killed.tries.new(case)
    child = killed.start(case, output)
    seen: set[str] = set()
    while len(seen) <= wanted and child.process.is_alive():
        seen.update(path.name for path in (output / "checkpoints").glob(".*.partial"))
    assert child.kill()
    killed.finish(case, output)
