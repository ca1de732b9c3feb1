"""`ft tune` with runs that train a tiny model."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft import Metric
from ft.cli.main import main
from ft_study.tune.pruner import SPEC

TASK = "ft_kit.tasks:WordsTask"
RATE = "run.learning_rate"
SIZES = [part for n in ("train=120", "validation=60") for part in ("-o", f"kit-words.{n}")]

STOP = '''
import os, signal
from pathlib import Path
from ft import Plugin, hookimpl


class Stop(Plugin):
    """Ends the process in its sixth step, as Ctrl-C does, the first time."""

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        once = Path(os.environ["FT_TEST_ONCE"])
        if run.step == 5 and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGINT)
        return inner(run, model, batch)
'''


@pytest.mark.long
def test_a_search_beats_a_default_that_is_far_too_small(
    tune: Callable[..., Any], tmp_path: Path
) -> None:
    """The learning rate of 5e-5 is for pre-trained models; this one has random weights."""
    result = tune("--trials", "6", *SIZES)
    given, best = result["trials"][0], result["best"]
    assert given["values"][RATE] == 5e-5
    assert best["value"] > given["value"] + 0.1
    assert best["values"][RATE] > 5e-4
    run = Path(best["run"])
    assert run == tmp_path / "search" / "runs" / f"{best['number']:04}"
    assert (run / "model" / "model.safetensors").is_file()
    assert not (run / "checkpoints").exists()
    assert set(best["test"]) >= {"accuracy", "loss"}
    # Nothing of the search is left in what the run says of its settings.
    assert ft.resolve(None, file=run / "config.toml").configs["tune"].model_dump() == {}


def test_a_search_stopped_within_a_run_resumes_that_run(
    tune: Callable[..., Any],
    arguments: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "stop.py").write_text(STOP)
    monkeypatch.setenv("FT_TEST_ONCE", str(tmp_path / "once"))
    more = ("--plugins", str(tmp_path / "stop.py"), "--trials", "1", *SIZES)
    assert main(arguments(*more)) == 130
    assert "the same command goes on" in capsys.readouterr().err
    result = tune(*more)
    assert [row["state"] for row in result["trials"]] == ["done"]
    lines = (tmp_path / "search" / "runs" / "0000" / "metrics.jsonl").read_text()
    assert lines.count('"split": "validation"') == 3
    assert "resumed at step 6" in (tmp_path / "search/runs/0000/record.json").read_text()


def test_a_run_is_stopped_when_the_search_says_so(model: Path, tmp_path: Path) -> None:
    heard = []

    def judge(epoch: int, name: str, metric: Metric) -> str | None:
        heard.append((epoch, name))
        return "enough" if epoch == 1 else None

    settings = {"model": str(model), "epochs": 3, "batch_size": 8, "device": "cpu"}
    result = ft.run([TASK, SPEC], output=tmp_path / "run", tune={"judge": judge}, **settings)
    assert heard == [(1, "accuracy")]
    assert [(one["plugin"], one["reason"]) for one in result.record["stops"]] == [
        ("tune", "enough")
    ]
    assert result.record["epoch"] == 1


@pytest.mark.long
def test_two_commands_share_a_search_and_one_may_be_killed(
    arguments: Callable[..., list[str]], tune: Callable[..., Any], tmp_path: Path
) -> None:
    more = ["--trials", "8", *SIZES]
    command = [sys.executable, "-m", "ft", *arguments(*more)]
    logs = [(tmp_path / f"{k}.log").open("w") for k in range(2)]
    several = [subprocess.Popen(command, stdout=log, stderr=log) for log in logs]
    runs = tmp_path / "search" / "runs"
    while not list(runs.glob("000[1-9]/task.json")):
        assert all(one.poll() is None for one in several), Path(logs[0].name).read_text()
        time.sleep(0.02)
    several[0].send_signal(signal.SIGKILL)
    assert several[0].wait() == -signal.SIGKILL
    assert several[1].wait(600) == 0, Path(logs[1].name).read_text()
    result = tune(*more)
    assert [row["state"] for row in result["trials"] if row["state"] == "running"] == []
    assert len(result["trials"]) == 8
    assert len({row["values"][RATE] for row in result["trials"]}) == 8
    assert sorted(one.name for one in runs.iterdir()) == [f"{k:04}" for k in range(8)]
    # A run that was done twice would have an epoch twice.
    for row in result["trials"]:
        lines = (Path(row["run"]) / "metrics.jsonl").read_text()
        assert lines.count('"split": "validation"') == row["epoch"]
