"""The run folder of a process that is not the main one: it reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ft.engine.ranks.ranks import Ranks
from ft.runfolder.folder import RunFolder


class Bystander(RunFolder):
    """Leaves the writing to the main process."""

    def create(self) -> None:
        """See `RunFolder.create`."""

    def lock(self) -> None:
        """See `RunFolder.lock`."""

    def log(self, line: Mapping[str, Any]) -> None:
        """See `RunFolder.log`."""

    def metrics_lines(self) -> int:
        """See `RunFolder.metrics_lines`."""
        return 0

    def cut_metrics(self, lines: int) -> int:
        """See `RunFolder.cut_metrics`."""
        return lines

    def _replace(self, path: Path, text: str | Iterable[str]) -> None:
        pass


def run_folder(path: Path, ranks: Ranks) -> RunFolder:
    """The run folder as this process may use it."""
    return RunFolder(path) if ranks.main else Bystander(path)
