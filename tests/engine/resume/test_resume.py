"""A run that was stopped and resumed is the run that was never stopped, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.cli.main import main
from ft.contract.errors import Interrupted

NAMES = ("ner", "augment", "adversarial", "sentiment", "wobble", "patience", "frozen", "stop")

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
    ("frozen", "int", 6),
    ("stop", "int", 8),
]
"""Stops in mid-epoch, before the first checkpoint, and behind the last step of an epoch, of the run
and of a run that ends early."""


def test_the_cases_do_what_they_are_made_for(
    tries: Any, stopping: ModuleType, comparing: ModuleType
) -> None:
    assert tuple(stopping.CASES) == NAMES
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
    tries: Any, comparing: ModuleType, case: str, how: str, step: int
) -> None:
    run = tries.stopped(case, how, step=step)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference(case))


@pytest.mark.faults
@pytest.mark.parametrize("how", ["int", "raise"])
@pytest.mark.parametrize("case", NAMES)
def test_a_stop_in_any_step(tries: Any, comparing: ModuleType, case: str, how: str) -> None:
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
    tries: Any, comparing: ModuleType, case: str, hook: str, step: int
) -> None:
    run = tries.stopped(case, "raise", hook=hook, step=step)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference(case))


def test_a_signal_in_the_last_evaluation_is_heard(tries: Any, comparing: ModuleType) -> None:
    run = tries.stopped("ner", "int", hook="evaluate", step=10)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference("ner"))


@pytest.mark.parametrize("how", ["int", "term"])
def test_a_signal_after_training_says_how_to_go_on(
    go: Callable[..., Any], children: Any, comparing: ModuleType, tmp_path: Path, how: str
) -> None:
    """Without a validation split nothing is evaluated but the test split, at the very end."""
    reference = go(["words", "stumble"], words={"validation": 0}).output
    (tmp_path / "armed").touch()
    stumble = {"armed": tmp_path / "armed", "how": how, "hook": "evaluate", "step": 6}
    settings = [part for key, value in stumble.items() for part in ("-o", f"stumble.{key}={value}")]
    command = ["run", "--config", reference / "config.toml", "--output", tmp_path / "stopped"]
    code, child = children.run([*command, *settings])
    assert (code, child.stderr.splitlines()[0]) == (130, "interrupted")
    assert f"ft run --resume {tmp_path / 'stopped'}" in child.stderr
    ft.run(resume=tmp_path / "stopped")
    comparing.assert_same(tmp_path / "stopped", reference)


def test_a_run_may_be_stopped_again_and_again(tries: Any, comparing: ModuleType) -> None:
    run = tries.stopped("wobble", "int", step=2)
    for step in (3, 7, 12):
        tries.armed.touch()
        with pytest.raises(Interrupted):
            ft.run(resume=run, stumble={"step": step}, allow_changed=True)
    ft.run(resume=run)
    comparing.assert_same(run, tries.reference("wobble"))


def test_what_was_typed_is_blamed_where_it_was_typed(
    tries: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tries.stopped("ner", "int", step=2)
    command = ["run", "--resume", str(run), "-o", "run.weight_decay=0.5", "--learning-rate", "3"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "error: --learning-rate: run.learning_rate is 3.0 now, and was " in said
    assert "error: -o run.weight_decay=0.5: run.weight_decay is 0.5 now, and was " in said
    assert "config.toml" not in said


def test_the_record_is_of_the_whole_run(tries: Any, comparing: ModuleType) -> None:
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
