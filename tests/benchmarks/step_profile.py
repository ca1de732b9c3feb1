"""Where the time of ft's step goes: torch's profile of some steps, and the rate of matrix products alone.

python tests/benchmarks/step_profile.py --data wnut17 [--steps 20]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from machine import fast_bf16
from torch.profiler import ProfilerActivity, profile

import ft
from ft.engine.loop import Loop

SKIPPED = 5
"""Steps before the profile, in which kernels are made."""


def product_rate(kind: torch.dtype, size: int = 2048) -> float:
    """GFLOP/s of products of square matrices."""
    a = torch.randn(size, size).to(kind)
    a @ a
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 2:
        a @ a
        count += 1
    return 2e-9 * size**3 * count / (time.perf_counter() - started)


def main() -> None:
    """Train some steps; print the profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with CoNLL files")
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    for kind in (torch.float32, *([torch.bfloat16] if fast_bf16() else [])):
        print(f"{kind}: {product_rate(kind):.0f} GFLOP/s")
    profiler = profile(activities=[ProfilerActivity.CPU])
    original = Loop._step

    def step(loop: Loop, features: Any) -> None:
        if loop.progress.step == SKIPPED:
            profiler.start()
        original(loop, features)
        if loop.progress.step == SKIPPED + arguments.steps:
            profiler.stop()

    setattr(Loop, "_step", step)  # noqa: B010
    with tempfile.TemporaryDirectory() as name:
        ft.run(
            ["ner"],
            output=Path(name) / "run",
            max_steps=SKIPPED + arguments.steps,
            lint="off",
            report=False,
            ner={
                "train": str(arguments.data / "train.conll"),
                "validation": str(arguments.data / "dev.conll"),
            },
        )
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=20))


if __name__ == "__main__":
    main()
