"""Run folders written by hand, and their reports."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft.builtin.report.build import write_report


@pytest.fixture(scope="session")
def folders(load: Any) -> ModuleType:
    """Writes run folders by hand."""
    return load("builtin/report/folders")


@pytest.fixture
def made(folders: ModuleType, tmp_path: Path) -> Any:
    """A run folder written by hand, with its report."""

    def make(*arguments: Any, **settings: Any) -> Path:
        folder: Path = folders.write(tmp_path / "run", *arguments, **settings)
        write_report(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def held() -> Any:
    """What the page's script is given, read from the page's text."""

    def read(folder: Path) -> Any:
        page = (folder / "report.html").read_text(encoding="utf-8")
        begin = page.index('id="report-data">') + len('id="report-data">')
        return json.loads(page[begin : page.index("</script>", begin)])

    return read
