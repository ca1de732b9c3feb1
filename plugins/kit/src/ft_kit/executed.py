"""The code that runs while a plugin is loaded and tried, and what of it ft does not know of."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from unittest.mock import patch

import ft
from ft.loading.files import source_files

if TYPE_CHECKING:
    from ft_kit.bench import Subject, Trial

LIBRARIES = frozenset({"site-packages", "dist-packages"})


@contextmanager
def executed(paths: list[Path]) -> Iterator[None]:
    """Note the file of every module that is executed meanwhile."""
    execute = SourceFileLoader.exec_module

    def noted(loader: SourceFileLoader, module: ModuleType) -> None:
        paths.append(Path(loader.path).resolve())
        execute(loader, module)

    with patch.object(SourceFileLoader, "exec_module", noted):
        yield


def unknown_code(members: Iterable[Subject], trial: Trial) -> list[Path]:
    """The files that were executed, are no library's, and are not compared on resume.

    Args:
        members: the plugins of a run.
        trial: the run.
    """
    members = list(members)
    known = {
        path.resolve()
        for one in members
        for path in source_files(one.loaded.cls.__module__).values()
    }
    task = json.loads((trial.output / "task.json").read_text(encoding="utf-8"))
    used = [Path(name) for name in task.get("used", {})]
    ran = [*(path for one in members for path in one.executed), *trial.executed]
    return [
        path
        for path in dict.fromkeys(ran)
        if path not in known
        and not _is_library(path)
        and not any(path == one or one in path.parents for one in used)
    ]


def _is_library(path: Path) -> bool:
    ours = [Path(str(ft.__file__)).resolve().parent, Path(__file__).resolve().parent]
    ours.append(Path(sysconfig.get_path("stdlib")).resolve())
    return bool(LIBRARIES & set(path.parts)) or any(one in path.parents for one in ours)
