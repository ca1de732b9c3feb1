"""What techniques do to a run, beside being resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ft_kit import TEXTS
from ft_kit.compare import tensors
from ft_kit.tasks import PLACES

HERE = Path(__file__).parent


@pytest.fixture
def kept(ft_run: Any, tmp_path: Path) -> Any:
    """Runs a technique and gives the tensors of a file of its last checkpoint."""

    def run(name: str, file: str, **settings: Any) -> dict[str, torch.Tensor]:
        plugins = [TEXTS, str(HERE / f"{name}.py")]
        output = ft_run(plugins, output=tmp_path / "run", **settings).output
        last = sorted((output / "checkpoints").glob("step-*"), key=lambda one: one.name)[-1]
        return tensors(last / f"{file}.safetensors")

    return run


def test_texts_of_a_pool_are_trained_on_where_the_model_is_sure(kept: Any, tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps({"text": f"anna saw {one}"}) + "\n" for one in PLACES))
    settings = {"epochs": 2, "max_steps": None}
    ids = kept("pseudo", "order", pseudo={"pool": str(pool), "sure": 0.5}, **settings)["ids"]
    assert sorted(ids.tolist()) == list(range(24 + len(PLACES)))
    (tmp_path / "run").rename(tmp_path / "first")
    ids = kept("pseudo", "order", pseudo={"pool": str(pool), "sure": 1.0}, **settings)["ids"]
    assert sorted(ids.tolist()) == list(range(24))
