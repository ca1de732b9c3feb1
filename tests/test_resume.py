"""A run that was stopped and resumed is the run that was never stopped, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ft
from ft.errors import Interrupted

# Two epochs of five or six steps each; checkpoints are written in mid-epoch and at its end.
CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ner": (["ner"], {"checkpoint_steps": 3}),
    "augment": (["ner", "augment"], {"checkpoint_steps": 3, "augment": {"probability": 0.9}}),
    "adversarial": (
        ["ner", "augment", "adversarial"],
        {"checkpoint_steps": 3, "adversarial": {"start": 0.2, "method": "freelb", "init": 0.5}},
    ),
    "sentiment": (
        ["sentiment", "adversarial"],
        {"checkpoint_steps": 4, "evaluate_steps": 2, "sentiment": {"class_weights": "balanced"}},
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
    "stop": (
        ["words"],
        {"checkpoint_steps": 2, "evaluate_steps": 2, "stumble": {"stop": 8}},
    ),
}


class Tries:
    """Runs a case without a stop, once, and with a stop and a resume, as often as asked."""

    def __init__(self, start: Callable[..., Any], data: dict[str, Any], folder: Path) -> None:
        self.start, self.data, self.folder = start, data, folder
        self.references: dict[str, Path] = {}
        self.count = 0

    def run(self, case: str, output: Path, stumble: dict[str, Any]) -> Any:
        plugins, settings = CASES[case]
        tables = {name: self.data[name] | settings.get(name, {}) for name in plugins[:1] if name in self.data}
        stumble = settings.get("stumble", {}) | stumble
        return self.start(
            [*plugins, "stumble"], output, **{"epochs": 2} | settings | tables | {"stumble": stumble}
        )

    def reference(self, case: str) -> Path:
        if case not in self.references:
            output = self.folder / f"{case}-reference"
            self.run(case, output, {})
            self.references[case] = output
        return self.references[case]

    def stopped(self, case: str, error: type[BaseException], **stumble: Any) -> Path:
        """A run folder that an error left."""
        self.count += 1
        output, armed = self.folder / f"{case}-{self.count}", self.folder / "armed"
        armed.touch()
        with pytest.raises(error):
            self.run(case, output, {"armed": str(armed), **stumble})
        assert not armed.exists()
        assert not (output / "record.json").exists()
        return output


@pytest.fixture(scope="module")
def tries(
    start: Callable[..., Any], data_files: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Tries:
    return Tries(start, data_files, tmp_path_factory.mktemp("resume"))


@pytest.mark.parametrize("step", range(1, 13))
@pytest.mark.parametrize("how", ["int", "raise"])
@pytest.mark.parametrize("case", CASES)
def test_x(tries: Tries, comparing: ModuleType, case: str, step: int, how: str) -> None:
    reference = tries.reference(case)
    total = comparing.read(reference / "record.json")["steps"]
    if step > total:
        pytest.skip("over")
    error = RuntimeError if how == "raise" else Interrupted
    run = tries.stopped(case, error, how=how, step=step)
    ft.run(resume=run)
    comparing.assert_same(run, reference)
