"""Fixtures shared by the tests of the core."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


def load_tasks() -> ModuleType:
    """The module with the in-memory tasks, once."""
    if "ft_test_tasks" not in sys.modules:
        spec = importlib.util.spec_from_file_location("ft_test_tasks", HERE / "tasks.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["ft_test_tasks"] = module
        spec.loader.exec_module(module)
    return sys.modules["ft_test_tasks"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT that knows the words of the in-memory tasks."""
    from ft.testing import tiny_bert

    return tiny_bert(tmp_path_factory.mktemp("tiny"), load_tasks().VOCABULARY)


@pytest.fixture
def tasks() -> ModuleType:
    return load_tasks()


@pytest.fixture
def go(tiny_model: Path, tmp_path: Path) -> Any:
    """Run ft in-process on the tiny model: ``go(["words"], epochs=1, ...)``."""
    import ft

    specs = {
        "words": f"{HERE / 'tasks.py'}:WordsTask",
        "texts": f"{HERE / 'tasks.py'}:TextTask",
    }
    count = 0

    def run(plugins: list[str], output: Path | None = None, **settings: Any) -> Any:
        nonlocal count
        count += 1
        values = {
            "model": str(tiny_model),
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "precision": "fp32",
            "device": "cpu",
            **settings,
        }
        return ft.run(
            [specs.get(name, name) for name in plugins],
            output=output or tmp_path / f"run{count}",
            **values,
        )

    return run
