"""The run folder of a process that is not the main one: it reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from ft.engine.ranks.ranks import Ranks
from ft.runfolder.folder import RunFolder


class Bystander(RunFolder):
    """Leaves the writing to the main process."""

    @override
    def create(self) -> None:
        pass

    @override
    def lock(self) -> None:
        pass

    @override
    def log(self, line: Mapping[str, Any]) -> None:
        pass

    @override
    def metrics_lines(self) -> int:
        return 0

    @override
    def cut_metrics(self, lines: int) -> int:
        return lines

    @override
    def _replace(self, path: Path, content: str | bytes | Iterable[str]) -> None:
        pass


def run_folder(path: Path, ranks: Ranks) -> RunFolder:
    """The run folder as this process may use it."""
    return RunFolder(path) if ranks.main else Bystander(path)
