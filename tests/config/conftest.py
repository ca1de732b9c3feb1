"""Plugins with settings of every kind under a name that can be imported, and files of settings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(autouse=True)
def _same_path() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path


@pytest.fixture
def problem(settings: ModuleType) -> Callable[..., str]:
    """The message of the only thing that is wrong."""
    return settings.problem


@pytest.fixture
def problems(settings: ModuleType) -> Callable[..., list[str]]:
    """The messages of what is wrong."""
    return settings.problems


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
