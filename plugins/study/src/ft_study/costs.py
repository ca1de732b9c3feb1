"""What a run cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ft_study.runs import Finished

UNITS = {
    "train_seconds": "s, training",
    "total_seconds": "s, in all",
    "peak_memory": "MiB, at most",
    "steps": "optimizer steps",
    "tokens": "tokens in training",
    "images": "images in training",
    "examples": "examples in training",
    "forwards_per_step": "forward passes a step",
    "parameters": "parameters",
}
"""What is said of each run, and in which unit."""


def costs(run: Finished) -> dict[str, float | None]:
    """Each cost by its name in `UNITS`; memory is the GPU's where there is one."""
    record: Mapping[str, Any] = run.record
    told = {name: record.get(name) for name in UNITS if name != "peak_memory"}
    if record.get("unit") in UNITS:
        told[record["unit"]] = record["seen"]
    memory: Mapping[str, Any] = record.get("peak_memory") or {}
    peak = memory.get("device") or memory.get("host")
    return {**told, "peak_memory": peak / 2**20 if peak else None}
