"""The outline of a plugin's class: its kind, and which hooks it provides, wraps or hears."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ft.loading.load import load
from ft.loading.outline import outline_of

TOY = """
import ft

class Toy(ft.Plugin):
    class Config(ft.Config):
        rate: float = 0.5

    @ft.hookimpl
    def load_data(self, run):
        return None

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)

    @ft.hookimpl
    def on_run_end(self, run):
        pass
"""


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def written(folder: Path, text: str) -> str:
    (folder / "toy.py").write_text(text)
    return str(folder / "toy.py")


def test_the_outline_tells_what_a_class_and_its_bases_hook(tmp_path: Path) -> None:
    text = TOY + (
        "class Child(Toy):\n"
        "    @ft.hookimpl\n    def evaluate(self, inner, run, predictions):\n        ...\n"
        "    def on_run_end(self, run):\n        ...\n"
    )
    plan = outline_of(load(f"{written(tmp_path, text)}:Child").cls)
    assert plan.kind == "task"
    assert dict(plan.hooks) == {
        "load_data": "provides",
        "compute_loss": "wraps",
        "evaluate": "wraps",
    }


def test_a_technique_only_wraps(tmp_path: Path) -> None:
    text = TOY.replace("def load_data(self, run)", "def load_data(self, inner, run)")
    plan = outline_of(load(written(tmp_path, text)).cls)
    assert plan.kind == "technique"
    assert dict(plan.hooks) == {
        "load_data": "wraps",
        "compute_loss": "wraps",
        "on_run_end": "hears",
    }
