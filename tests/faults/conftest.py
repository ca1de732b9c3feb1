"""Runs to be damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "checkpoint_steps": 2,
    "evaluate_steps": 2,
    "keep_checkpoints": 2,
    "metric": "loss",
}
PLUGINS = ["words", "wobble", "stumble"]


@pytest.fixture(scope="session")
def runs(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run, and the same run stopped in step 9, its newest checkpoints at 6 and 8."""
    folder = tmp_path_factory.mktemp("damage")
    start(PLUGINS, folder / "finished", **SETTINGS)
    (folder / "armed").touch()
    stumble = {"armed": str(folder / "armed"), "step": 9}
    with pytest.raises(RuntimeError):
        start(PLUGINS, folder / "stopped", **SETTINGS, stumble=stumble)
    return {name: folder / name for name in ("finished", "stopped")}


@pytest.fixture
def stopped(runs: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs["stopped"], tmp_path / "stopped_run"))


@pytest.fixture
def finished(runs: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs["finished"], tmp_path / "finished_run"))
