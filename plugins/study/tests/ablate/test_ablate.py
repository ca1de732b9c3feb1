"""An ablation's runs, without training: a worker that only pretends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft.cli.main import main
from ft_study.ablate import driver
from ft_study.ablate.arms import arm_name, arms, contrasts
from ft_study.ablate.budget import plan
from ft_study.ablate.study import Study

HERE = Path(__file__).parent
ITEMS = np.random.default_rng(5).random(150)
Said = pytest.CaptureFixture[str]

TOY = """
import ft

class Toy(ft.Plugin):
    name = "{name}"

    class Config(ft.Config):
        size: int = 1
"""


@pytest.fixture
def study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[..., Path]
) -> list[str]:
    """Arguments of an ablation whose runs only pretend."""
    for name in ("toy", "good", "bad"):
        (tmp_path / f"{name}.py").write_text(TOY.format(name=name))
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(driver, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(driver, "WORKER", [sys.executable, str(HERE / "fake_worker.py")])
    for arm in arms("toy", ["good", "bad"]):
        for seed in range(4):
            noise = 0.05 * np.random.default_rng(seed).standard_normal(150)
            right = ITEMS + noise < 0.5 + 0.2 * ("good" in arm) - 0.2 * ("bad" in arm)
            finished(
                f"ready/{arm_name(arm)}-seed{seed}", right, seed=seed, plugins=arm, seconds=60.0
            )
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    plugins = ",".join(str(tmp_path / f"{name}.py") for name in ("toy", "good", "bad"))
    return ["ablate", "-p", plugins, "--output", str(tmp_path / "study"), "--seeds", "3"]


def result(tmp_path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((tmp_path / "study" / "ablation.json").read_text())
    return told


def noted(tmp_path: Path, what: str) -> Counter[str]:
    lines = (tmp_path / "log").read_text().splitlines()
    return Counter(line.split()[0] for line in lines if line.endswith(what))


def test_the_arms_are_each_alone_all_and_each_left_out() -> None:
    three = [arm_name(arm) for arm in arms("t", ["a", "b", "c"])]
    assert three == ["t", "t+a", "t+b", "t+c", "t+a+b+c", "t+b+c", "t+a+c", "t+a+b"]
    assert [arm_name(arm) for arm in arms("t", ["a", "b"])] == ["t", "t+a", "t+b", "t+a+b"]
    assert [arm_name(arm) for arm in arms("t", ["a"])] == ["t", "t+a"]
    assert [one.where for one in contrasts("t", ["a"])] == ["added to t"]
    for one in contrasts("t", ["a", "b", "c"]):
        assert set(one.better) > set(one.worse)
        assert set(one.better) - set(one.worse) <= {one.what, "a", "b", "c"}


def test_it_finds_what_helps_and_what_harms(study: list[str], tmp_path: Path, capsys: Said) -> None:
    assert main([*study, "--jobs", "2"]) == 0
    said = capsys.readouterr()
    assert "12 of 12 runs done" in said.err
    assert "good, added to toy: accuracy +0." in said.out
    found = {(one["what"], one["where"]): one for one in result(tmp_path)["findings"]}
    assert found["good", "added to toy"]["verdict"] == "keep"
    assert found["bad", "added to toy"]["verdict"] == "drop"
    assert found["good", "in the full set"]["verdict"] == "keep"
    assert found["bad", "in the full set"]["verdict"] == "drop"
    assert found["all together", "added to toy"]["verdict"] == "undecided"
    assert found["good", "added to toy"]["extra_time"] == 0
    html = (tmp_path / "study" / "ablation.html").read_text()
    assert "keep" in html
    assert "<script" not in html
    assert set(noted(tmp_path, "ends").values()) == {1}


def test_again_it_does_nothing_but_tell(study: list[str], tmp_path: Path, capsys: Said) -> None:
    assert main([*study, "--jobs", "3", "--json"]) == 0
    first = capsys.readouterr().out
    before = (tmp_path / "log").read_text()
    assert main([*study, "--json"]) == 0
    assert capsys.readouterr().out == first
    assert (tmp_path / "log").read_text() == before
    assert main([*study, "--seeds", "4", "--jobs", "3"]) == 0
    assert sum(noted(tmp_path, "begins").values()) == 16


def command(study: list[str]) -> list[str]:
    """The ablation as a process of its own."""
    code = (
        "import signal, sys; from ft_study.ablate import driver; from ft.cli.main import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in the background
        f"driver.WORKER = [sys.executable, {str(HERE / 'fake_worker.py')!r}]; "
        f"driver.POLL_SECONDS = 0.02; driver.WAIT_SECONDS = 0.05; sys.exit(main({study!r}))"
    )
    return [sys.executable, "-c", code]


def wait_for(tmp_path: Path, what: str, times: int) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if (tmp_path / "log").exists() and sum(noted(tmp_path, what).values()) >= times:
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing {what}")


@pytest.mark.long
def test_two_processes_on_one_study_do_no_run_twice(study: list[str], tmp_path: Path) -> None:
    both = [subprocess.Popen(command([*study, "--jobs", "2", "-q"])) for _ in range(2)]
    assert [one.wait(300) for one in both] == [0, 0]
    assert noted(tmp_path, "begins") == noted(tmp_path, "ends")
    assert set(noted(tmp_path, "begins").values()) == {1}
    assert sum(noted(tmp_path, "begins").values()) == 12


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_stopped_or_killed_the_same_command_goes_on(
    study: list[str], tmp_path: Path, number: int, code: int
) -> None:
    one = subprocess.Popen(command([*study, "-q"]), stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path, "ends", 2)
    wait_for(tmp_path, "begins", 3)
    one.send_signal(number)
    error = one.communicate(timeout=200)[1]
    assert one.returncode == code
    assert number == signal.SIGKILL or "the same command goes on" in error
    assert main([*study, "-q"]) == 0
    assert set(noted(tmp_path, "ends").values()) == {1}
    assert sum(noted(tmp_path, "ends").values()) == 12
    assert sum(noted(tmp_path, "begins").values()) <= 13


def test_a_failed_run_is_told_and_the_others_are_done(
    study: list[str], tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILS", "toy+good-seed1")
    assert main([*study, "--jobs", "2"]) == 1
    assert "toy+good-seed1: out of luck" in capsys.readouterr().err
    assert sum(noted(tmp_path, "ends").values()) == 11
    monkeypatch.delenv("FAKE_FAILS")
    assert main(study) == 0
    assert sum(noted(tmp_path, "ends").values()) == 12


def test_a_budget_does_what_fits_and_says_the_rest(
    study: list[str], tmp_path: Path, capsys: Said
) -> None:
    # The first run says that it took 61 seconds, so nothing else fits into 50.
    assert main([*study, "--budget", "0.83"]) == 0
    said = capsys.readouterr()
    assert set(noted(tmp_path, "ends")) == {"toy-seed0"}
    assert "0 more runs fit" in said.err
    assert "Left out for the budget: toy+good with seed 0, 1, 2; toy+bad with seed" in said.out
    assert len(result(tmp_path)["left_out"]) == 11
    assert result(tmp_path)["findings"] == []


def test_the_plan_goes_seed_by_seed_and_leaves_out_the_rest_first(
    tmp_path: Path, finished: Callable[..., Path]
) -> None:
    study = Study(tmp_path, ("t", "a", "b", "c"), 0)
    (tmp_path / "runs").mkdir()
    jobs = list(study.jobs(2))
    assert plan(study, jobs, 1000, 1) is None
    finished(f"runs/{jobs[0].name}", ITEMS < 0.5, seconds=59.0)
    left = jobs[1:]
    whole = plan(study, left, 60 * 10, 1)
    assert whole is not None
    assert list(whole.kept) == left[:10]
    twice = plan(study, left, 60 * 5, 2)
    assert twice is not None
    assert twice.kept == whole.kept
    few = plan(study, left, 60 * 4, 1)
    assert few is not None
    assert [arm_name(job.arm) for job in few.kept] == ["t+a", "t+b", "t+c", "t+a+b+c"]
    assert {job.seed for job in few.kept} == {0}
    assert len(few.kept) + len(few.left_out) == 15
    busy = plan(study, left[1:], 60 * 4, 1, {left[0]: 30.0})
    assert busy is not None
    assert len(busy.kept) == 3


def test_other_settings_in_the_same_folder_are_refused(
    study: list[str], tmp_path: Path, capsys: Said
) -> None:
    assert main([*study, "--seeds", "1"]) == 0
    capsys.readouterr()
    assert main([*study, "-o", "toy.size=2"]) == 2
    error = capsys.readouterr().err
    assert "not the same: toy.size" in error
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    assert main([*study, "--output", str(tmp_path / "other")]) == 2
    assert "something else in this folder" in capsys.readouterr().err


def test_a_task_alone_is_refused(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "toy.py").write_text(TOY.format(name="toy"))
    assert main(["ablate", "-p", str(tmp_path / "toy.py")]) == 2
    assert "no technique is named" in capsys.readouterr().err


def test_one_seed_decides_nothing_about_seeds_but_says_so(
    study: list[str], tmp_path: Path, capsys: Said
) -> None:
    assert main([*study, "--seeds", "1"]) == 0
    together = result(tmp_path)["findings"][-1]
    assert together["verdict"] == "undecided"
    assert "one seed says nothing about others" in together["why"]


def test_what_changes_nothing_is_said_to(
    study: list[str], tmp_path: Path, finished: Callable[..., Path]
) -> None:
    for seed in range(3):
        finished(f"ready/toy+good-seed{seed}", ITEMS < 0.5, seed=seed)
        finished(f"ready/toy-seed{seed}", ITEMS < 0.5, seed=seed)
    assert main([*study, "--jobs", "3"]) == 0
    assert result(tmp_path)["findings"][0]["why"] == "the scores are the same with every seed"


def test_a_gain_that_is_not_worth_it_is_dropped(study: list[str], tmp_path: Path) -> None:
    page = tmp_path / "pages" / "a.html"
    assert main([*study, "--jobs", "3", "--worth", "0.5", "--html", str(page)]) == 0
    assert page.read_text() == (tmp_path / "study" / "ablation.html").read_text()
    found = {(one["what"], one["where"]): one for one in result(tmp_path)["findings"]}
    good = found["good", "added to toy"]
    assert 0 < good["value"] <= good["high"] < 0.5
    assert good["verdict"] == "drop"
    assert "0.5 would be worth having" in good["why"]


def test_another_metric_may_judge(study: list[str], tmp_path: Path, capsys: Said) -> None:
    assert main([*study, "--jobs", "3", "--metric", "loss"]) == 0
    assert result(tmp_path)["metric"] == "loss"
    assert "over seeds alone: the runs kept no draws of this metric" in capsys.readouterr().out
    assert main([*study, "--metric", "f1"]) == 2
    assert "it has accuracy, loss" in capsys.readouterr().err


def test_the_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "cores", lambda: 8)
    monkeypatch.delenv(driver.THREADS, raising=False)
    assert driver.environment(4)[driver.THREADS] == "2"
    assert driver.THREADS not in driver.environment(1)
    monkeypatch.setenv(driver.THREADS, "1")
    assert driver.environment(4)[driver.THREADS] == "1"
    assert os.environ[driver.THREADS] == "1"
