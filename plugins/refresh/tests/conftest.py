"""A first run, and new data with a class more."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import tiny_bert

WORDS_OF = {"good": ("fine", "lovely"), "bad": ("poor", "awful"), "odd": ("weird", "strange")}


def write(path: Path, labels: Sequence[str], count: int, **more: str) -> Path:
    """Texts with a label as JSONL, as `ft serve` keeps corrections."""
    rows = []
    for i in range(count):
        label = labels[i % len(labels)]
        text = f"a {WORDS_OF[label][i // 3 % 2]} chair {i}"
        rows.append({"text": text, "label": label, **more})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def labelled() -> Callable[..., Path]:
    """Writes texts with a label."""
    return write


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``first``, a run that knows two classes, and files of new data."""
    folder = tmp_path_factory.mktemp("refresh")
    words = [word for pair in WORDS_OF.values() for word in pair]
    model = tiny_bert(folder / "tiny", [*words, "a", "chair"])
    two, three = ("good", "bad"), ("good", "bad", "odd")
    settings: dict[str, Any] = {
        "train": str(write(folder / "train.jsonl", two, 60)),
        "validation": str(write(folder / "dev.jsonl", two, 12)),
        "test": str(write(folder / "test.jsonl", two, 20)),
    }
    run: dict[str, Any] = {"model": str(model), "epochs": 4, "learning_rate": 3e-3}
    run |= {"report": False, "advice": False, "lint": "off", "device": "cpu"}
    ft.run(
        ["sentiment", "replay"],
        sentiment=settings,
        replay={"store": 10, "choose": "balanced"},
        output=folder / "first",
        **run,
    )
    write(folder / "new.jsonl", three, 30, corrected_model="ab12", corrected_at="2026-11-29T10:00")
    write(folder / "new-test.jsonl", three, 12)
    return folder
