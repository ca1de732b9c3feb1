"""Damaged settings and data, as a user meets them: a run, or one clear error, never a traceback."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.cli.main import main

some = pytest.mark.parametrize("cases", [5, pytest.param(50, marks=pytest.mark.faults)])
many = pytest.mark.parametrize("cases", [40, pytest.param(400, marks=pytest.mark.faults)])

CONFIG = """\
plugins = ["ner", "augment", "adversarial"]  # in this order
[run]
seed = 1
epochs = 2.5
clip = "none"
schedule = "cosine"
model = "a/b"
[ner]
train = "train.conll"
columns = { tokens = "words", tags = "labels" }
on_bad_row = "skip"
[augment]
mention = 0.5
copies = 2
[adversarial]
method = "freelb"
"""
OVERRIDES = ["run.seed=1", "ner.columns={tags = 'x'}", "augment.copies=2", "run.clip=none"]
SECONDS = 5.0
"""Of the processor, which nothing may take longer."""


def explained(
    arguments: list[str], capfd: pytest.CaptureFixture[str], tally: Callable[..., None]
) -> int:
    """The exit code of a command that is done or refused, in words and soon."""
    begin = time.process_time()
    code = main([*arguments, "--explain"])
    said = capfd.readouterr().err
    assert code in (0, 2), said
    assert "Traceback" not in said
    assert code == 0 or said.startswith("error: "), said
    assert time.process_time() - begin < SECONDS
    tally(fuzzed_settings=1)
    return code


@many
def test_damaged_files_of_settings(
    cases: int,
    load: Callable[[str], ModuleType],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    tally: Callable[..., None],
) -> None:
    file, codes = tmp_path / "my.toml", set()
    for case in range(cases):
        damaged = load("mutations").mutate(CONFIG.encode(), random.Random(f"settings {case}"))
        file.write_bytes(damaged)
        try:
            codes.add(explained(["run", "--config", str(file)], capfd, tally))
        except BaseException as error:
            error.add_note(f"case {case}: {damaged!r}")
            raise
    assert codes == {0, 2}


@many
def test_damaged_arguments(
    cases: int,
    load: Callable[[str], ModuleType],
    capfd: pytest.CaptureFixture[str],
    tally: Callable[..., None],
) -> None:
    codes = set()
    for case in range(cases):
        rng = random.Random(f"arguments {case}")
        override = load("mutations").mutate(rng.choice(OVERRIDES).encode(), rng)
        # As Python gives bytes of a command line that are no text.
        text = override.replace(b"\0", b"").decode("utf-8", "surrogateescape")
        arguments = ["run", "--plugins", "ner,augment", "-o", text]
        try:
            codes.add(explained(arguments, capfd, tally))
        except BaseException as error:
            error.add_note(f"case {case}: {text!r}")
            raise
    assert codes == {0, 2}


@some
@pytest.mark.parametrize("policy", ["refuse", "skip"])
@pytest.mark.parametrize("task", ["ner", "sentiment", "recommend"])
def test_runs_on_damaged_data(
    go: Callable[..., Any],
    data_files: dict[str, dict[str, str]],
    load: Callable[[str], ModuleType],
    tally: Callable[..., None],
    tmp_path: Path,
    task: str,
    policy: str,
    cases: int,
) -> None:
    """The whole way of a task, from its file to the predictions."""
    data = {
        key: str(shutil.copy(path, tmp_path / Path(path).name))
        for key, path in data_files[task].items()
    }
    for case in range(cases):
        rng = random.Random(f"{task} {case}")
        key = rng.choice(sorted(data))
        good = Path(data[key]).read_bytes()
        damaged = load("mutations").mutate(good, rng)
        Path(data[key]).write_bytes(damaged)
        output, begin = tmp_path / f"run{case}", time.process_time()
        said = None
        try:
            go([task], output, max_steps=1, **{task: {**data, "on_bad_row": policy}})
        except ft.FtError as error:
            said = str(error)
        except Exception as error:
            error.add_note(f"case {case}, {key}: {damaged!r}")
            raise
        assert said is None or any(path in said for path in data.values()), (case, key, damaged)
        tally(fuzzed_runs=1, fuzzed_runs_refused=int(said is not None))
        assert time.process_time() - begin < SECONDS
        Path(data[key]).write_bytes(good)
        shutil.rmtree(output, ignore_errors=True)
