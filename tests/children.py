"""Processes that run ``ft`` and may be killed, each forked from one that has imported torch."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PRELOAD = [
    "ft.cli.main",
    "ft.config",
    "ft.engine.train",
    "ft.data",
    "ft_ner",
    "ft_augment",
    "ft_adversarial",
    "ft_sentiment",
    "ft_recommend",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
]
LIMIT = 120.0
"""Seconds that a command may take on a loaded machine."""


class Child:
    """One running command."""

    def __init__(self, process: Any, stdout: Path, stderr: Path) -> None:
        self.process = process
        self._stdout, self._stderr = stdout, stderr

    @property
    def stdout(self) -> str:
        return self._stdout.read_text() if self._stdout.exists() else ""

    @property
    def stderr(self) -> str:
        return self._stderr.read_text() if self._stderr.exists() else ""

    def signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.process.is_alive():
            os.kill(self.process.pid, number)

    def kill(self) -> bool:
        """End it with ``kill -9``; says whether it was still there."""
        self.process.kill()
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """The exit code; negative: the signal that ended it."""
        self.process.join(LIMIT)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"still running after {LIMIT} s:\n{self.stdout}\n{self.stderr}")
        return int(self.process.exitcode)

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true, while the command runs."""
        end = time.monotonic() + LIMIT
        while not true():
            assert self.process.is_alive(), f"ended early:\n{self.stdout}\n{self.stderr}"
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.01)


class Children:
    """Starts commands.

    Args:
        folder: for their output.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        self._count = 0

    def warm_up(self) -> None:
        """Wait until the process that the others are forked from has imported everything."""
        process = self._context.Process(target=abs, args=(0,))
        process.start()
        process.join()

    def start(
        self,
        arguments: Sequence[str],
        *,
        stdin: Path = Path(os.devnull),
        folder: Path | None = None,
        largest_file: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        self._count += 1
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        request = {
            "arguments": [str(argument) for argument in arguments],
            "stdin": str(stdin),
            "stdout": str(out),
            "stderr": str(err),
            "folder": str(folder or self.folder),
            "largest_file": largest_file,
            "environment": {
                **{name: os.environ[name] for name in ("FT_CACHE", "XDG_STATE_HOME")},
                **(environment or {}),
            },
        }
        process = self._context.Process(
            target=runpy.run_path,
            args=(str(Path(__file__).with_name("child.py")),),
            kwargs={"init_globals": {"REQUEST": request}},
        )
        process.start()
        return Child(process, out, err)

    def run(self, arguments: Sequence[str], **options: Any) -> tuple[int, Child]:
        """Run a command to its end: its exit code, and what it said."""
        child = self.start(arguments, **options)
        return child.wait(), child
