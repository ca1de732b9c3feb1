"""Fixtures shared by the tests of the core, and counts of what the fault tests did."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft_kit import TWICE

HERE = Path(__file__).parent


def load_module(name: str) -> ModuleType:
    """A module with helpers from this folder, once."""
    full = f"ft_test_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, HERE / f"{name}.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


browser = load_module("browser")
hostile, chromium, look = browser.hostile, browser.chromium, browser.look


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs of the tests are marked with a key of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_CACHE", str(tmp_path_factory.getbasetemp() / "ft-cache"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT that knows the words of the in-memory tasks."""
    from ft_kit import tiny_bert
    from ft_kit.tasks import VOCABULARY

    return tiny_bert(tmp_path_factory.mktemp("tiny"), VOCABULARY)


@pytest.fixture(scope="session")
def telling() -> ModuleType:
    """Everything that a run can tell a reporter."""
    return load_module("telling")


@pytest.fixture(scope="session")
def settings() -> ModuleType:
    """Plugins with settings of every kind, importable as ``ft_test_settings:Tag``."""
    return load_module("settings")


@pytest.fixture(scope="session")
def comparing() -> ModuleType:
    """The functions that compare two runs and write small data files."""
    return load_module("comparing")


SPECS = {
    "words": f"{HERE / 'tasks.py'}:WordsTask",
    "texts": f"{HERE / 'tasks.py'}:TextsTask",
    "kit-twice": TWICE,
    **{
        name: f"{HERE / 'techniques.py'}:{name.title()}"
        for name in ("count", "wobble", "redraw", "stumble")
    },
}
"""The tasks and techniques of this folder by the names that tests use."""


@pytest.fixture(scope="session")
def data_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Settings of the task plugins with small files of the tiny model's words."""
    folder, comparing = tmp_path_factory.mktemp("data"), load_module("comparing")
    sizes = {"train": 40, "validation": 12, "test": 12}
    settings: dict[str, dict[str, str]] = {
        "ner": {},
        "sentiment": {},
        "recommend": comparing.write_interactions(folder, 12, 15),
    }
    for seed, (split, size) in enumerate(sizes.items()):
        settings["ner"][split] = str(comparing.write_conll(folder / f"{split}.conll", size, seed))
        settings["sentiment"][split] = str(
            comparing.write_reviews(folder / f"{split}.jsonl", size, seed)
        )
    return settings


@pytest.fixture(scope="session")
def children(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Starts commands of ``ft`` in processes of their own, without importing torch in each."""
    return load_module("children").Children(tmp_path_factory.mktemp("children"))


@pytest.fixture(scope="session")
def load() -> Any:
    """Gives a module with helpers by its name."""
    return load_module


@pytest.fixture(scope="session")
def together(children: Any) -> Any:
    """Starts commands of ``ft`` in several processes that train together."""
    return load_module("together").Together(children)


@pytest.fixture(scope="session")
def start(tiny_model: Path) -> Any:
    """Run ft in-process on the tiny model: ``start(["words"], folder, epochs=1, ...)``."""
    import ft

    def run(plugins: list[str], output: Path, **settings: Any) -> Any:
        values = {
            "model": str(tiny_model),
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "precision": "fp32",
            "device": "cpu",
            "report": False,
            "advice": False,
            **settings,
        }
        return ft.run([SPECS.get(name, name) for name in plugins], output=output, **values)

    return run


@pytest.fixture
def go(start: Any, tmp_path: Path) -> Any:
    """As ``start``, into a new folder each time: ``go(["words"], epochs=1, ...)``."""
    count = 0

    def run(plugins: list[str], output: Path | None = None, **settings: Any) -> Any:
        nonlocal count
        count += 1
        return start(plugins, output or tmp_path / f"run{count}", **settings)

    return run


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model without dropout: its numbers do not depend on how a batch is cut."""
    from ft_kit import tiny_bert
    from ft_kit.tasks import VOCABULARY

    return tiny_bert(tmp_path_factory.mktemp("still"), VOCABULARY, dropout=0.0)


@pytest.fixture(scope="session")
def stopping() -> ModuleType:
    """Cases to stop and resume."""
    return load_module("stopping")


@pytest.fixture(scope="module")
def tries(
    start: Any,
    data_files: dict[str, dict[str, str]],
    stopping: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Runs the cases of `stopping` with and without a stop."""
    return stopping.Tries(start, data_files, tmp_path_factory.mktemp("tries"))


@pytest.fixture
def failing(go: Any, stopping: ModuleType, tmp_path: Path) -> Any:
    """Runs that fail once as told, and the same run without a failure."""
    return stopping.Failing(go, tmp_path)


@pytest.fixture
def tally(record_property: Callable[[str, Any], None]) -> Callable[..., None]:
    """Adds to the counts: ``tally(kills=3)``."""

    def add(**counts: int) -> None:
        for name, count in counts.items():
            record_property(f"faults {name}", count)

    return add


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the counts of all tests, those of other processes too."""
    totals: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, count in report.user_properties:
                    if name.startswith("faults "):
                        totals[name.removeprefix("faults ")] += count
    if totals:
        terminalreporter.section("faults")
        for name, count in sorted(totals.items()):
            terminalreporter.write_line(f"{name.replace('_', ' ')}: {count}")
