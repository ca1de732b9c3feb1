from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ft.contract.settings import DataConfig
from ft.data.config import WordsConfig
from ft.data.read_texts import read_texts
from ft.data.read_words import read_words


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a file: text as UTF-8 without touching line ends, bytes as they are, rows as JSONL."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """What the readers need of a run."""
    notes: list[str] = []
    return SimpleNamespace(
        output=tmp_path / "run", notes=notes, note=notes.append, wanted=None, restored=False
    )


def _paths(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        key: str(value) if isinstance(value, Path) else value for key, value in settings.items()
    }


@pytest.fixture
def words() -> Callable[..., Any]:
    """`read_words` with settings; the one file given is all splits, unless more are set."""

    def read(train: Path | str, run: Any = None, **settings: Any) -> Any:
        splits = {"validation": train, "test": train}
        config = WordsConfig(**_paths({"train": train, **splits, **settings}))
        return read_words(config, run, owner="ner")

    return read


@pytest.fixture
def texts() -> Callable[..., Any]:
    """`read_texts` with settings; the one file given is all splits, unless more are set."""

    def read(train: Path | str, run: Any = None, **settings: Any) -> Any:
        names = ("text", "pair", "label", "label_kind", "names", "check")
        options = {name: settings.pop(name) for name in names if name in settings}
        splits = {"validation": train, "test": train}
        config = DataConfig(**_paths({"train": train, **splits, **settings}))
        return read_texts(config, run, owner="task", **options)

    return read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the repository, or in $FT_TEST_DATA."""
    given = os.environ.get("FT_TEST_DATA")
    path = Path(given) if given else Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no real data in {path}; set FT_TEST_DATA")
    return path.resolve()
