"""The outline of a plugin's class: its kind, and which hooks it provides, wraps or hears."""

from __future__ import annotations

from typing import Any

import ft
from ft.loading.outline import outline_of


class Task(ft.Plugin):
    """Provides a hook, wraps one and hears one."""

    @ft.hookimpl
    def load_data(self, run: Any) -> Any:
        return None

    @ft.hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        return inner(run, model, batch)

    @ft.hookimpl
    def on_run_end(self, run: Any) -> None:
        pass


class Child(Task):
    """Wraps one hook more, and hides one from its base."""

    @ft.hookimpl
    def evaluate(self, inner: Any, run: Any, predictions: Any) -> Any:
        return inner(run, predictions)

    def on_run_end(self, run: Any) -> None:
        pass


class Technique(Task):
    """Wraps what a task provides."""

    @ft.hookimpl
    def load_data(self, inner: Any, run: Any) -> Any:  # type: ignore[override]
        return inner(run)


def test_the_outline_tells_what_a_class_and_its_bases_hook() -> None:
    plan = outline_of(Child)
    assert plan.kind == "task"
    assert dict(plan.hooks) == {
        "load_data": "provides",
        "compute_loss": "wraps",
        "evaluate": "wraps",
    }


def test_a_technique_only_wraps() -> None:
    plan = outline_of(Technique)
    assert plan.kind == "technique"
    assert dict(plan.hooks) == {
        "load_data": "wraps",
        "compute_loss": "wraps",
        "on_run_end": "hears",
    }
