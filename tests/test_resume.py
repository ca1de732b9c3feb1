"""A run that was stopped and resumed is the run that was never stopped, to the last bit."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.errors import Interrupted

CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ner": (["ner"], {"checkpoint_steps": 3}),
    "augment": (["ner", "augment"], {"checkpoint_steps": 3, "augment": {"probability": 0.9}}),
    "adversarial": (
        ["ner", "augment", "adversarial"],
        {"checkpoint_steps": 3, "adversarial": {"start": 0.2, "method": "freelb", "init": 0.5}},
    ),
    "sentiment": (
        ["sentiment", "adversarial"],
        {"checkpoint_steps": 4, "evaluate_steps": 2, "max_length": 8}
        | {"sentiment": {"class_weights": "balanced"}},
    ),
    "wobble": (
        ["words", "wobble", "redraw"],
        {
            "checkpoint_steps": 3,
            "evaluate_steps": 2,
            "max_tokens": 40,
            "keep_checkpoints": 2,
            "schedule": "cosine",
            "warmup": 0.3,
            "layer_decay": 0.8,
        },
    ),
    "patience": (
        ["texts", "wobble"],
        {"epochs": 4, "checkpoint_steps": 3, "evaluate_steps": 2, "patience": 3, "metric": "loss"}
        | {"learning_rate": 0.05},
    ),
    "stop": (
        ["words"],
        {"checkpoint_steps": 2, "evaluate_steps": 2, "stumble": {"stop": 8}},
    ),
}
"""Plugins and settings. Every run has epochs of five or six steps, two of them unless it says."""

CHOSEN = [
    ("ner", "int", 4),
    ("ner", "raise", 9),
    ("ner", "int", 10),
    ("augment", "term", 7),
    ("adversarial", "int", 1),
    ("adversarial", "raise", 5),
    ("sentiment", "raise", 10),
    ("wobble", "int", 6),
    ("wobble", "raise", 11),
    ("patience", "int", 5),
    ("stop", "int", 8),
]
"""Stops in mid-epoch, before the first checkpoint, and behind the last step of an epoch, of the run
and of a run that ends early."""


class Tries:
    """Runs a case to its end, once, and with a stop, as often as asked."""

    def __init__(
        self, start: Callable[..., Any], data: dict[str, Any], model: Path, folder: Path
    ) -> None:
        self.start, self.data, self.model, self.folder = start, data, model, folder
        self.armed = folder / "armed"
        self._references: dict[str, Path] = {}
        self._count = 0

    def settings(self, case: str) -> dict[str, Any]:
        plugins, settings = CASES[case]
        tables = {
            task: data | settings.get(task, {})
            for task, data in self.data.items()
            if task in plugins
        }
        return {"epochs": 2} | settings | tables

    def run(self, case: str, output: Path, **stumble: Any) -> Any:
        settings = self.settings(case)
        settings["stumble"] = settings.get("stumble", {}) | stumble
        return self.start([*CASES[case][0], "stumble"], output, **settings)

    def reference(self, case: str) -> Path:
        """The run that was never stopped."""
        if case not in self._references:
            self._references[case] = self.folder / f"{case}-reference"
            self.run(case, self._references[case])
        return self._references[case]

    def new(self, case: str) -> Path:
        self._count += 1
        return self.folder / f"{case}-{self._count}"

    def stopped(self, case: str, how: str, **stumble: Any) -> Path:
        """The folder of a run that an error or a signal ended."""
        output = self.new(case)
        self.armed.touch()
        with pytest.raises(RuntimeError if how == "raise" else Interrupted):
            self.run(case, output, armed=str(self.armed), how=how, **stumble)
        assert not self.armed.exists()
        assert not (output / "record.json").exists()
        return output


@pytest.fixture(scope="module")
def tries(
    start: Callable[..., Any],
    data_files: dict[str, Any],
    tiny_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Tries:
    return Tries(start, data_files, tiny_model, tmp_path_factory.mktemp("resume"))


def test_the_cases_do_what_they_are_made_for(tries: Tries, comparing: ModuleType) -> None:
    records = {
        case: comparing.read(tries.reference(case) / "record.json")
        for case in ("wobble", "patience", "stop")
    }
    calls = {(row["plugin"], row["hook"]): row["calls"] for row in records["wobble"]["costs"]}
    assert calls["wobble", "compute_loss"] > records["wobble"]["steps"]
    assert records["patience"]["steps"] < 4 * 6
    assert records["patience"]["stops"][0]["plugin"] == "core"
    assert records["stop"]["stops"][0]["plugin"] == "stumble"


@pytest.mark.parametrize(("case", "how", "step"), CHOSEN)
def test_a_stopped_run_goes_on_as_if_it_had_not(
    tries: Tries, comparing: ModuleType, case: str, how: str, step: int
) -> None:
    run = tries.stopped(case, how, step=step)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference(case))


@pytest.mark.faults
@pytest.mark.parametrize("how", ["int", "raise"])
@pytest.mark.parametrize("case", CASES)
def test_a_stop_in_any_step(tries: Tries, comparing: ModuleType, case: str, how: str) -> None:
    reference = tries.reference(case)
    for step in range(1, comparing.read(reference / "record.json")["steps"] + 1):
        run = tries.stopped(case, how, step=step)
        ft.run(resume=run)
        comparing.assert_same(run, reference)


@pytest.mark.parametrize(
    ("case", "hook", "step"),
    [
        ("wobble", "evaluate", 4),
        ("wobble", "evaluate", 6),
        ("adversarial", "on_epoch_end", 5),
        ("sentiment", "on_epoch_end", 10),
        ("stop", "evaluate", 8),
    ],
)
def test_a_failure_outside_of_a_step(
    tries: Tries, comparing: ModuleType, case: str, hook: str, step: int
) -> None:
    run = tries.stopped(case, "raise", hook=hook, step=step)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference(case))


def test_a_signal_in_the_last_evaluation_is_heard(tries: Tries, comparing: ModuleType) -> None:
    run = tries.stopped("ner", "int", hook="evaluate", step=10)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference("ner"))


def test_a_run_may_be_stopped_again_and_again(tries: Tries, comparing: ModuleType) -> None:
    run = tries.stopped("wobble", "int", step=2)
    for step in (3, 7, 12):
        tries.armed.touch()
        with pytest.raises(Interrupted):
            ft.run(resume=run, stumble={"step": step})
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference("wobble"))


def test_the_record_is_of_the_whole_run(tries: Tries, comparing: ModuleType) -> None:
    """What was said before the stop, and what it cost, are in it."""
    run = tries.stopped("sentiment", "int", step=7)
    ft.run(resume=run)
    found, wanted = (
        comparing.read(folder / "record.json") for folder in (run, tries.reference("sentiment"))
    )
    assert wanted["notes"]
    assert [note for note in found["notes"] if "resumed" not in note] == wanted["notes"]
    assert "resumed at step 7 of 10" in found["notes"]
    in_training = [
        [row["calls"] for row in record["costs"] if row["hook"] in ("compute_loss", "evaluate")]
        for record in (found, wanted)
    ]
    assert in_training[0] == in_training[1]


@pytest.mark.long
def test_a_resume_beyond_the_examples_that_are_sorted_together(
    go: Callable[..., Any], tmp_path: Path, comparing: ModuleType
) -> None:
    settings = {"batch_size": 1, "epochs": 1, "words": {"train": 300, "longest": 5}}
    plugins, armed = ["words", "redraw", "stumble"], tmp_path / "armed"
    reference = go(plugins, **settings).output
    armed.touch()
    with pytest.raises(Interrupted):
        go(
            plugins,
            tmp_path / "stopped",
            **settings,
            stumble={"armed": str(armed), "step": 280, "how": "int"},
        )
    ft.run(resume=tmp_path / "stopped")
    comparing.assert_same(tmp_path / "stopped", reference)


class Killed:
    """Runs a case in processes of their own, which are killed.

    Args:
        tries: knows the cases.
        children: starts the processes.
    """

    def __init__(self, tries: Tries, children: Any, comparing: ModuleType) -> None:
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
def killed(tries: Tries, children: Any, comparing: ModuleType) -> Killed:
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
    case = list(CASES)[number % len(CASES)]
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
