"""A stand-in for the engine, a plugin file and distributions for the tests of the commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any
from unittest.mock import create_autospec

import pytest

from ft.contract.results import Metric
from ft.reporters.reporter import Reporter

TOY = '''
import ft
from pydantic import Field

class Toy(ft.Plugin):
    """A toy of a task."""

    class Config(ft.Config):
        rate: float = Field(0.5, ge=0, le=1, description="share of words")
        must: int = Field(1, description="how many")

    @ft.hookimpl
    def load_data(self, run):
        return None

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
'''


class Session:
    """Stands in for the engine: keeps what it is called with, reports, raises what it is told."""

    def __init__(self, telling: ModuleType) -> None:
        self.telling = telling
        self.called: list[tuple[str, Any]] = []
        self.error: BaseException | None = None

    def train(
        self,
        resolved: Any,
        builtin: Any,
        *,
        output: Any,
        resume: Any,
        reporter: Reporter,
        trace: Any,
        strict: bool,
        allow_changed: bool,
        began: float,
    ) -> Any:
        assert 0 <= perf_counter() - began < 600
        self.called.append(("train", (resolved, output, resume, reporter)))
        self.options = {"trace": trace, "strict": strict, "allow_changed": allow_changed}
        if self.error:
            raise self.error
        result = self.telling.Result(
            Path("runs/r1"), {"test": {"f1": Metric(0.5, 0.4, 0.6)}}, record={"steps": 3}
        )
        self.telling.show(reporter, result)
        return result

    def explain(self, resolved: Any, builtin: Any) -> dict[str, Any]:
        return {
            "chains": {"load_data": "toy", "compute_loss": "augment( toy )"},
            "events": {"on_run_end": ["toy"]},
            "methods": {},
            "forwards": 2,
            "starters": ["no --model given: using the starter model"],
        }

    def predict(
        self,
        run: Path,
        requests: Iterator[Any],
        reporter: Reporter,
        builtin: Any,
        *,
        strict: bool,
        trust_remote_code: bool,
        trust_plugins: bool,
        skip: bool,
    ) -> Iterator[dict[str, Any]]:
        self.called.append(("predict", run))
        self.options = {"strict": strict}
        if self.error:
            raise self.error
        for request in requests:
            yield {"got": request, "score": float("nan")}

    def evaluate(
        self,
        run: Path,
        data: Any,
        split: str,
        reporter: Reporter,
        builtin: Any,
        *,
        strict: bool,
        trust_remote_code: bool,
        trust_plugins: bool,
    ) -> Any:
        self.called.append(("evaluate", (run, data, split)))
        self.options = {"strict": strict}
        result = self.telling.Result(run, {split: {"f1": Metric(0.5)}})
        reporter.finish(result)
        return result


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, telling: ModuleType) -> Session:
    fake = Session(telling)
    homes = {"train": "train", "explain": "explain", "predict": "predict", "evaluate": "predict"}
    for name, home in homes.items():
        module = import_module(f"ft.engine.{home}")
        stand_in = create_autospec(getattr(module, name), side_effect=getattr(fake, name))
        monkeypatch.setattr(module, name, stand_in)
    return fake


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs in a folder of its own, with a plugin file and a run's folder in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("FT_DEBUG", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "runs" / "r1").mkdir(parents=True)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Adds distributions to a folder on the path; importing any of them fails."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def add(
        distribution: str,
        name: str,
        code: str = "raise SystemExit('imported')\n",
        keywords: str = "nlp,ft-task",
    ) -> Path:
        module = f"{distribution.replace('-', '_')}_q"
        info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\nSummary: What it does.\nKeywords: {keywords}\n\n# Its card\n"
        )
        (info / "entry_points.txt").write_text(f"[ft.plugins]\n{name} = {module}:Toy\n")
        (folder / f"{module}.py").write_text(TOY + code)
        return folder

    return add
