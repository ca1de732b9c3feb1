"""Run folders as `ft run` leaves them, without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

Write = Callable[..., Path]


def write_run(
    path: Path,
    right: np.ndarray,
    *,
    seed: int = 0,
    plugins: tuple[str, ...] = ("toy",),
    fingerprint: str = "f" * 64,
    draw_seed: int = 0,
    seconds: float = 10.0,
    split: str = "test",
    draws: int = 200,
) -> Path:
    """A finished run whose accuracy is the mean of ``right``, (items,)."""
    rng = np.random.default_rng(draw_seed)
    items = len(right)
    values = [right[rng.integers(0, items, items)].mean() for _ in range(draws)]
    (path / "predictions").mkdir(parents=True, exist_ok=True)
    about = {"accuracy": {"items": items, "seed": draw_seed}}
    save_file(
        {"accuracy": np.array(values, np.float32)},
        path / "predictions" / f"{split}.draws.safetensors",
        {"draws": json.dumps(about)},
    )
    metric: dict[str, Any] = {"low": None, "high": None, "higher_is_better": True}
    record = {
        "plugins": [{"name": name, "version": "1.0", "files": {"a.py": "1"}} for name in plugins],
        "data": {split: {"examples": items, "fingerprint": fingerprint, "files": ["test.csv"]}},
        "metrics": {
            split: {
                "accuracy": {**metric, "value": float(right.mean())},
                "loss": {**metric, "value": 0.5, "higher_is_better": False},
            }
        },
        "main": "accuracy",
        "seed": seed,
        "train_seconds": seconds,
        "total_seconds": seconds + 1,
        "peak_memory": {"host": 2**30, "device": None},
    }
    (path / "config.toml").write_text(
        f"plugins = {json.dumps(list(plugins))}\n[run]\nseed = {seed}\n"
    )
    (path / "record.json").write_text(json.dumps(record))
    return path


@pytest.fixture
def finished(tmp_path: Path) -> Write:
    """Writes a finished run under a name."""

    def write(name: str, right: Any, **settings: Any) -> Path:
        return write_run(tmp_path / name, np.asarray(right, float), **settings)

    return write
