"""The head of a model that was trained before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

NAMES = {"same": ("bad", "good"), "other": ("cold", "warm"), "more": ("bad", "fine", "good")}


@pytest.fixture(scope="module")
def old(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("head")
    settings = {"train": write(folder / "train.jsonl", NAMES["same"])}
    run = start(["sentiment"], folder / "run", max_steps=1, sentiment=settings)
    return Path(run.output) / "model"


def write(path: Path, names: tuple[str, ...]) -> str:
    rows = [{"text": f"anna {i}", "label": names[i % len(names)]} for i in range(24)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("which", NAMES)
def test_a_head_is_kept_for_its_own_classes_alone(
    old: Path, start: Any, tmp_path: Path, which: str
) -> None:
    settings = {"train": write(tmp_path / "train.jsonl", NAMES[which])}
    result = start(
        ["sentiment"], tmp_path / "run", model=str(old), learning_rate=1e-12, weight_decay=0.0,
        max_steps=1, sentiment=settings,
    )  # fmt: skip
    before = load_file(old / "model.safetensors")
    after = load_file(tmp_path / "run" / "model" / "model.safetensors")
    body = [name for name in before if not name.startswith("classifier")]
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in body)
    # The task's temperature has scaled both, so that directions are compared.
    rows = [one["classifier.weight"].flatten() for one in (before, after)]
    kept = len(rows[0]) == len(rows[1]) and torch.cosine_similarity(*rows, dim=0).item() > 0.999
    assert kept == (which == "same")
    said = "goes on with the head" if kept else "is for other classes, bad, good: a new one begins"
    assert sum(said in note for note in result.record["notes"]) == 1


def test_nothing_is_said_of_a_model_without_a_head(start: Any, tmp_path: Path) -> None:
    settings = {"train": write(tmp_path / "train.jsonl", NAMES["same"])}
    result = start(["sentiment"], tmp_path / "run", max_steps=1, sentiment=settings)
    assert not [note for note in result.record["notes"] if "the head of" in note]
