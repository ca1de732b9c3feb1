"""How long a training is: epochs, `run.min_steps`, and how often it is scored."""

from __future__ import annotations

from collections.abc import Callable
from json import loads
from pathlib import Path
from typing import Any

import pytest

import ft


def scored(output: Path) -> list[int]:
    """The steps at which the validation split was scored."""
    rows = map(loads, (output / "metrics.jsonl").read_text().splitlines())
    return [row["step"] for row in rows if row.get("split") == "validation"]


@pytest.mark.parametrize(
    ("settings", "steps", "evaluations"),
    [
        ({"epochs": 2}, 12, [6, 12]),
        ({"epochs": 2, "min_steps": 5}, 12, [6, 12]),
        ({"epochs": 1, "min_steps": 20}, 20, [6, 12, 18, 20]),
        ({"epochs": 1, "min_steps": 42, "evaluations": 3}, 42, [18, 30, 42]),
        ({"epochs": 4, "evaluations": 1}, 24, [24]),
        ({"epochs": 2, "evaluations": 9}, 12, [6, 12]),
        ({"epochs": 4, "evaluations": 2, "max_steps": 20}, 20, [12, 20]),
    ],
)
def test_steps_and_evaluations(
    go: Callable[..., Any], settings: dict[str, Any], steps: int, evaluations: list[int]
) -> None:
    result = go(["words"], **settings)
    assert result.record["steps"] == steps
    assert scored(result.output) == evaluations
    said = [note for note in result.record["notes"] if "run.min_steps" in note]
    assert len(said) == (steps in (20, 42) and "min_steps" in settings)


def test_a_long_training_is_resumed_exactly(resumed: Callable[..., tuple[Path, Path]]) -> None:
    whole, _ = resumed(["words"], step=14, epochs=1, min_steps=21, evaluations=2)
    assert scored(whole) == [12, 21]


def test_more_steps_at_least_than_at_most_are_refused(go: Callable[..., Any]) -> None:
    with pytest.raises(ft.ConfigError, match=r"min_steps \(9\) is more than max_steps \(8\)"):
        go(["words"], min_steps=9, max_steps=8)
