"""Folders of finished runs, written by hand: what a run leaves, without training one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ft import Metric, Schema, Table

Row = Mapping[str, Any]


def lines(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def log(metric: str, values: Sequence[float], name: str = "") -> list[Row]:
    """A training log with a line and an evaluation a step."""
    found: list[Row] = []
    for step, value in enumerate(values, 1):
        extra = {name: value} if name else {}
        found.append({"step": step, "epoch": 1, "learning_rate": 1e-5, "loss": 1 / step, **extra})
        metrics = {
            metric: asdict(Metric(value, value / 2, value)),
            "loss": asdict(Metric(1 / step)),
        }
        found.append({"step": step, "epoch": 1, "split": "validation", "metrics": metrics})
    return found


def write(
    path: Path,
    schema: Schema,
    pairs: Sequence[tuple[Row, Row]],
    *,
    metric: str = "f1",
    tables: Sequence[Table] = (),
    titles: Mapping[str, str] | None = None,
    record: Row | None = None,
    training: Sequence[Row] = (),
) -> Path:
    """A run folder with one scored split, ``test``."""
    predictions = path / "predictions"
    predictions.mkdir(parents=True)
    (path / "config.toml").write_text('plugins = ["mine"]\n\n[run]\nseed = 7\n')
    (path / "task.json").write_text(json.dumps({"schema": schema.to_json()}))
    lines(path / "metrics.jsonl", training)
    lines(predictions / "test.examples.jsonl", [example for example, _ in pairs])
    lines(predictions / "test.jsonl", [item for _, item in pairs])
    (predictions / "test.tables.json").write_text(json.dumps([asdict(one) for one in tables]))
    if titles:
        (predictions / "test.titles.json").write_text(json.dumps(titles))
    whole = {
        "plugins": [
            {"name": "mine", "distribution": "mine", "version": "1", "source": "m:M", "files": {}}
        ],
        "chains": {"encode": "more( mine )", "decode": "standard"},
        "libraries": {"python": "3.11"},
        "machine": {"device": "cpu"},
        "model": {"path": "bert", "files": {}},
        "data": {"test": {"examples": len(pairs), "fingerprint": "f" * 64, "files": []}},
        "seed": 7,
        "notes": [],
        "findings": [],
        "stops": [],
        "best": {"step": 2, "metric": metric, "value": 0.3},
        "main": metric,
        "steps": 3,
        "parameters": 1000,
        "frozen_parameters": 0,
        "train_seconds": 1.5,
        "total_seconds": 2.5,
        "costs": [],
        "peak_memory": {"host": 10**9, "device": None},
        "metrics": {"test": {metric: asdict(Metric(0.25, 0.2, 0.3))}},
    }
    (path / "record.json").write_text(json.dumps({**whole, **(record or {})}, ensure_ascii=False))
    return path
