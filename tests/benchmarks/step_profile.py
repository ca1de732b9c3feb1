"""Where the time of ft's step goes: the step beside the matrix products of its own shapes, and torch's profile.

python tests/benchmarks/step_profile.py --task ner --data wnut17 [--steps 30] [--profile]

The same steps are trained three times: to see which products they make; by the clock; and, with ``--profile``, under torch's
profiler. The products, of the shapes, strides and types that were seen, are timed alone between them, in the same process.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import fast_bf16
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

import ft
from ft.engine.loop import Loop

SKIPPED = 40
"""Steps before those that count, in which kernels and memory are made."""

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm")
SUFFIX = {"ner": "conll", "sentiment": "csv"}


def product_rate(kind: torch.dtype, size: int = 2048) -> float:
    """GFLOP/s of products of square matrices."""
    a = torch.randn(size, size).to(kind)
    a @ a
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 2:
        a @ a
        count += 1
    return 2e-9 * size**3 * count / (time.perf_counter() - started)


class Seen(TorchDispatchMode):
    """Counts products by their shapes, strides and types."""

    def __init__(self) -> None:
        super().__init__()
        self.products: Counter[tuple[Any, ...]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._overloadpacket.__name__ in PRODUCTS:
            told = tuple((tuple(one.shape), one.stride(), one.dtype) for one in args)
            self.products[func._overloadpacket.default, told] += 1  # not into memory that is given
        return func(*args, **(kwargs or {}))


def alone(products: Counter[tuple[Any, ...]]) -> float:
    """Seconds of all products, each shape timed by itself."""
    total = 0.0
    for (func, told), count in products.items():
        given = []
        for shape, stride, dtype in told:
            one = torch.empty_strided(shape, stride, dtype=dtype)
            given.append(one.copy_(torch.randn(shape)))
        times = []
        for _ in range(12):
            started = time.perf_counter()
            func(*given)
            times.append(time.perf_counter() - started)
        total += count * statistics.median(times[2:])
    return total


def train(arguments: argparse.Namespace, around: Callable[[Any], None]) -> None:
    """Train; from `SKIPPED` on ``around`` takes each step."""
    original = Loop._step

    def step(loop: Loop, features: Any) -> None:
        if loop.progress.step < SKIPPED:
            original(loop, features)
        else:
            around(lambda: original(loop, features))

    setattr(Loop, "_step", step)  # noqa: B010
    suffix = SUFFIX[arguments.task]
    splits = {"train": f"train.{suffix}", "validation": f"dev.{suffix}"}
    try:
        with tempfile.TemporaryDirectory() as name:
            ft.run(
                [arguments.task],
                output=Path(name) / "run",
                max_steps=SKIPPED + arguments.steps,
                lint="off",
                report=False,
                **{
                    arguments.task: {
                        **{k: str(arguments.data / v) for k, v in splits.items()},
                        "limit": 1500,
                    }
                },
            )
    finally:
        setattr(Loop, "_step", original)  # noqa: B010


def main() -> None:
    """Train the same steps; print the ratio and the profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=sorted(SUFFIX), default="ner")
    parser.add_argument("--data", type=Path, required=True, help="folder with train and dev files")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    for kind in (torch.float32, *([torch.bfloat16] if fast_bf16() else [])):
        print(f"{kind}: {product_rate(kind):.0f} GFLOP/s")
    seen, seconds = Seen(), []

    def look(step: Callable[[], None]) -> None:
        with seen:
            step()

    def clock(step: Callable[[], None]) -> None:
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)

    train(arguments, look)
    before = alone(seen.products)
    train(arguments, clock)
    after = alone(seen.products)
    each, products = sum(seconds) / arguments.steps, (before + after) / 2 / arguments.steps
    print(
        f"{arguments.task}: a step {1e3 * each:.1f} ms, its products alone {1e3 * products:.1f} ms "
        f"({1e3 * before / arguments.steps:.1f} before, {1e3 * after / arguments.steps:.1f} after): "
        f"{each / products:.2f} times"
    )
    if arguments.profile:
        profiler, left = profile(activities=[ProfilerActivity.CPU]), [arguments.steps]

        def watch(step: Callable[[], None]) -> None:
            if left[0] == arguments.steps:
                profiler.start()
            step()
            left[0] -= 1
            if not left[0]:
                profiler.stop()

        train(arguments, watch)
        print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=20))


if __name__ == "__main__":
    main()
