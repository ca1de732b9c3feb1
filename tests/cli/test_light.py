"""Commands that train nothing are fast, and import nothing heavy."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main

pytestmark = pytest.mark.usefixtures("here")

HEAVY = ("torch", "transformers", "datasets", "accelerate", "pandas", "numpy", "sklearn")


def ft_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own; it ends by naming the heavy modules it imported."""
    code = (
        "import sys\nfrom ft.cli.main import main\ncode = main()\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "print('heavy:', *loaded, file=sys.stderr)\nsys.exit(code)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, timeout=60, **options,
    )  # fmt: skip


# Fast, and without torch


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time that the processes take which a call starts: a busy machine changes it little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def import_typer() -> None:
    """The measure that the times of commands are compared with, whatever the machine."""
    subprocess.run([sys.executable, "-c", "import typer"], check=True)


@pytest.mark.parametrize(
    ("arguments", "most"),
    [(["--help"], 3.2), (["--version"], 3.2), (["run", "--help"], 3.6), (["plugins"], 3.6)],
)
def test_light_commands_are_fast_and_import_nothing_heavy(
    arguments: list[str], most: float
) -> None:
    times, units = [], []
    for _ in range(3):
        units.append(processor_seconds(import_typer))
        done: list[Any] = []
        times.append(processor_seconds(partial(collect, done, *arguments)))
        assert done[0].returncode == 0
        assert done[0].stdout
        assert done[0].stderr.splitlines()[-1].strip() == "heavy:"
    assert min(times) < most * min(units)


def collect(done: list[Any], *arguments: str, **options: Any) -> None:
    """Run the command line and keep what it did."""
    done.append(ft_process(*arguments, **options))


def test_fifty_plugins_are_listed_fast_and_none_is_imported(site: Callable[..., Path]) -> None:
    for i in range(50):
        folder = site(f"ft-many{i}", f"many{i}")
    collected: list[Any] = []
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    seconds = processor_seconds(partial(collect, collected, "plugins", env=environment))
    (done,) = collected
    assert done.returncode == 0
    assert len(re.findall(r"^many\d+ ", done.stdout, re.MULTILINE)) == 50
    assert "imported" not in done.stderr
    assert seconds < 4 * processor_seconds(import_typer)


def test_the_version_and_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ft {ft.__version__}\n"
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {verb} " in text for verb in ("run", "predict", "evaluate", "plugins"))


def test_every_public_name_is_there() -> None:
    # These bring torch.
    heavy = {"Run", "Result"}
    assert all(getattr(ft, name) is not None for name in set(ft.__all__) - heavy)
    assert set(ft.__all__) <= set(dir(ft))
    with pytest.raises(AttributeError, match="module 'ft' has no attribute 'nothing'"):
        ft.nothing  # noqa: B018
