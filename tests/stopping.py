"""Runs that are stopped or fail as told, and the same runs without a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft.contract.errors import Interrupted

CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ner": (["ner"], {"checkpoint_steps": 3}),
    "augment": (["ner", "augment"], {"checkpoint_steps": 3, "augment": {"probability": 0.9}}),
    "adversarial": (
        ["ner", "augment", "adversarial"],
        {"checkpoint_steps": 3, "adversarial": {"start": 0.2, "method": "freelb", "init": 0.5}},
    ),
    "sentiment": (
        ["sentiment", "adversarial"],
        {"checkpoint_steps": 4, "evaluate_steps": 2, "max_length": 8}
        | {"sentiment": {"class_weights": "balanced"}},
    ),
    "wobble": (
        ["words", "wobble", "redraw"],
        {
            "checkpoint_steps": 3,
            "evaluate_steps": 2,
            "max_tokens": 40,
            "keep_checkpoints": 2,
            "schedule": "cosine",
            "warmup": 0.3,
            "layer_decay": 0.8,
        },
    ),
    "patience": (
        ["texts", "wobble"],
        {"epochs": 4, "checkpoint_steps": 3, "evaluate_steps": 2, "patience": 3, "metric": "loss"}
        | {"learning_rate": 0.05},
    ),
    "frozen": (["words"], {"checkpoint_steps": 4, "freeze": "encoder", "learning_rate": 0.01}),
    "stop": (
        ["words"],
        {"checkpoint_steps": 2, "evaluate_steps": 2, "stumble": {"stop": 8}},
    ),
}
"""Plugins and settings. Every run has epochs of five or six steps, two of them unless it says."""


class Tries:
    """Runs a case to its end, once, and with a stop, as often as asked."""

    cases = tuple(CASES)

    def __init__(self, start: Callable[..., Any], data: dict[str, Any], folder: Path) -> None:
        self.start, self.data, self.folder = start, data, folder
        self.armed = folder / "armed"
        self._references: dict[str, Path] = {}
        self._count = 0

    def settings(self, case: str) -> dict[str, Any]:
        plugins, settings = CASES[case]
        tables = {
            task: data | settings.get(task, {})
            for task, data in self.data.items()
            if task in plugins
        }
        return {"epochs": 2} | settings | tables

    def run(self, case: str, output: Path, **stumble: Any) -> Any:
        settings = self.settings(case)
        settings["stumble"] = settings.get("stumble", {}) | stumble
        return self.start([*CASES[case][0], "stumble"], output, **settings)

    def reference(self, case: str) -> Path:
        """The run that was never stopped."""
        if case not in self._references:
            self._references[case] = self.folder / f"{case}-reference"
            self.run(case, self._references[case])
        return self._references[case]

    def new(self, case: str) -> Path:
        self._count += 1
        return self.folder / f"{case}-{self._count}"

    def stopped(self, case: str, how: str, **stumble: Any) -> Path:
        """The folder of a run that an error or a signal ended."""
        output = self.new(case)
        self.armed.touch()
        with pytest.raises(RuntimeError if how == "raise" else Interrupted):
            self.run(case, output, armed=str(self.armed), how=how, **stumble)
        assert not self.armed.exists()
        assert not (output / "record.json").exists()
        return output


PLUGINS = ["words", "wobble", "stumble"]


class Failing:
    """Runs that fail once as told, and the same run without a failure."""

    def __init__(self, go: Callable[..., Any], folder: Path) -> None:
        self.go, self.folder, self.armed = go, folder, folder / "armed"
        self.said = ""

    def settings(self, **settings: Any) -> dict[str, Any]:
        return {"epochs": 2, "keep_checkpoints": 2, **settings}

    def never(self, **settings: Any) -> Path:
        return Path(self.go(PLUGINS, **self.settings(**settings)).output)

    def stopped(self, error: type[BaseException], *, how: str, step: int, **settings: Any) -> Path:
        output = self.folder / "failing"
        self.armed.touch()
        stumble = {"armed": str(self.armed), "how": how, "step": step}
        with pytest.raises(error) as caught:
            self.go(PLUGINS, output, stumble=stumble, **self.settings(**settings))
        assert not self.armed.exists()
        self.said = str(caught.value)
        return output
