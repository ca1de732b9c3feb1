"""Output that cannot be written, terminals that are closed, and runs that race for one folder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft.cli.main import main

RUN = "import sys; from ft.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def arguments(data_files: dict[str, dict[str, str]], tiny_model: Path) -> list[str]:
    settings = {f"ner.{name}": value for name, value in data_files["ner"].items()}
    settings |= {"run.precision": "fp32", "run.device": "cpu", "run.report": "false"}
    given = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    return ["run", "--plugins", "ner", "--model", str(tiny_model), "--batch-size", "8", *given]


def test_a_full_disk_under_standard_output_does_not_end_a_run(
    arguments: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", RUN, *arguments, "-o", "run.max_steps=2"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--output", tmp_path / "run"], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the output cannot be written (No space left on device)") == 1
    assert (tmp_path / "run" / "record.json").is_file()


@pytest.mark.parametrize("times", [1, 3])
def test_a_terminal_that_is_closed_leaves_a_checkpoint_to_go_on_from(
    children: Any, arguments: list[str], comparing: ModuleType, tmp_path: Path, times: int
) -> None:
    more = [
        *arguments,
        "--epochs",
        "6",
        "-o",
        "run.checkpoint_steps=1",
    ]
    assert children.run([*more, "--output", tmp_path / "whole"])[0] == 0
    child = children.start([*more, "--output", tmp_path / "run"])
    child.wait_until(lambda: any((tmp_path / "run" / "checkpoints").glob("step-*")))
    for _ in range(times):
        child.signal(signal.SIGHUP)
    code = child.wait()
    assert code in (0, 130)
    if code:
        assert "nothing is lost" in child.stderr
        assert children.run(["run", "--resume", tmp_path / "run"])[0] == 0
    comparing.assert_same(tmp_path / "run", tmp_path / "whole")


def test_nohup_is_heeded() -> None:
    code = (
        "import os, signal\n"
        "from ft.engine.ranks.interrupt import Interrupt, terminable\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "asked = Interrupt()\n"
        "with terminable(), asked:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "assert not asked.asked\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("races", [50, pytest.param(1000, marks=pytest.mark.faults)])
def test_of_many_that_race_for_one_folder_one_wins_and_loses_nothing(
    tmp_path: Path, races: int, tally: Any
) -> None:
    race = [sys.executable, Path(__file__).with_name("race.py"), tmp_path, str(races), "4"]
    done = subprocess.run(race, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
    assert (done.returncode, done.stdout) == (0, f"{races} races, one winner each, nothing lost\n")
    tally(races_for_one_folder=races)


@pytest.mark.parametrize("kind", ["pipe", "device", "link", "file"])
def test_an_output_is_written_as_a_shell_would(finished: Path, tmp_path: Path, kind: str) -> None:
    output, texts = tmp_path / "out", tmp_path / "texts.txt"
    texts.write_text("anna went to london\n")
    command = ["predict", str(finished), str(texts), "-q", "-o", str(output)]
    read: list[str] = []
    if kind == "pipe":
        os.mkfifo(output)
        reader = threading.Thread(target=lambda: read.append(output.read_text()))
        reader.start()
        assert main(command) == 0
        reader.join(60)
        assert read[0].startswith("{")
        assert stat.S_ISFIFO(output.lstat().st_mode)
        return
    if kind == "device":
        assert main([*command[:-1], os.devnull]) == 0
        assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
        return
    target = tmp_path / "target"
    target.write_text("old")
    target.chmod(0o640)
    if kind == "link":
        output.symlink_to(target)
    else:
        target.rename(output)
        target = output
    assert main(command) == 0
    assert output.is_symlink() == (kind == "link")
    assert target.read_text().startswith("{")
    assert target.stat().st_mode & 0o777 == 0o640
    assert not [*tmp_path.glob(".*")]


def test_an_output_that_cannot_be_written_is_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("anna\n" * 2000)
    assert main(["predict", str(finished), str(texts), "-q", "-o", "/dev/full"]) == 2
    assert "--output /dev/full: cannot be written: No space left" in capsys.readouterr().err


def test_a_label_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from ft.reporters.lines import PlainReporter

    PlainReporter(sys.stdout).note("label \x1b[31mred\u202e")
    assert capsys.readouterr().out == "note: label \\x1b[31mred\\u202e\n"
