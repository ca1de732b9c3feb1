"""A few generated sentences, and a tiny model that knows their words."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
if str(SOURCE) not in sys.path:  # the tests run without an installation too
    sys.path.insert(0, str(SOURCE))

CAUSES, EFFECTS = ["rain", "fire", "virus"], ["flood", "smoke", "fever"]
PATTERNS = [
    ("the {} caused the {} .", "Cause-Effect(e1,e2)", False),
    ("the {} was caused by the {} .", "Cause-Effect(e2,e1)", True),
    ("the {} and the {} were seen .", "Other", False),
]
VOCABULARY = [
    *CAUSES,
    *EFFECTS,
    *["the", "caused", "was", "by", "and", "were", "seen", "heavy", "."],
]
SPEC = "ft_relations:Relations"


def sentence(rng: random.Random, number: int) -> dict[str, Any]:
    """A row as SemEval-2010 Task 8 has it."""
    pattern, relation, swapped = rng.choice(PATTERNS)
    pair = [f"{rng.choice(['', 'heavy '])}{rng.choice(CAUSES)}", rng.choice(EFFECTS)]
    first, second = reversed(pair) if swapped else pair
    text = pattern.format(first, second)
    start = text.index(first)
    behind = text.index(second, start + len(first))
    return {
        "id": number,
        "text": text,
        "e1": {"text": first, "start": start, "end": start + len(first)},
        "e2": {"text": second, "start": behind, "end": behind + len(second)},
        "relation": relation,
    }


Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows, generated ones by default, as JSON lines."""

    def write(name: str, rows: list[dict[str, Any]] | None = None, *, count: int = 40) -> str:
        if rows is None:
            rng = random.Random(name)
            rows = [sentence(rng, i) for i in range(count)]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ft_kit import tiny_bert

    return tiny_bert(tmp_path_factory.mktemp("model"), VOCABULARY)


@pytest.fixture
def train(model: Path, write: Write, tmp_path: Path) -> Callable[..., Any]:
    """Runs the task with techniques behind it: ``train(["augment"], epochs=2)``."""
    import ft

    count = 0

    def train(techniques: list[str] | None = None, **settings: Any) -> Any:
        nonlocal count
        count += 1
        relations = {"train": write("train"), "test": write("test", count=16)}
        values: dict[str, Any] = {
            "model": str(model),
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 2e-3,
            "precision": "fp32",
            "device": "cpu",
            "output": tmp_path / f"run{count}",
            **settings,
            "relations": relations | settings.get("relations", {}),
        }
        return ft.run([SPEC, *(techniques or [])], **values)

    return train
