"""What a checkpoint of the starter model costs within a real training, and its share of five minutes.

    python tests/benchmarks/checkpoint_cost.py

Trains `ner` on the starter's data and saves every few steps. A save is timed from its first line to
the rename: the copy of weights and moments, the files, their hashes, and the flush to the disk.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import ft
from ft.engine.loop import Loop

MINUTES = ft.RunConfig().checkpoint_minutes


class Stopwatch:
    """Times every call of a method."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self._method = method

    def __call__(self, *arguments: Any) -> Any:
        wall, cpu = perf_counter(), process_time()
        result = self._method(*arguments)
        self.wall.append(perf_counter() - wall)
        self.cpu.append(process_time() - cpu)
        return result


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=10, help="checkpoints to time")
    parser.add_argument("--steps", type=int, default=2, help="steps between them")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: a new one")
    given = parser.parse_args()
    save = Loop.save
    watch = Stopwatch(save)
    Loop.save = lambda self, *rest: watch(self, *rest)  # type: ignore[method-assign]
    with TemporaryDirectory(dir=given.folder) as folder:
        result = ft.run(
            ["ner"],
            output=Path(folder) / "run",
            max_steps=given.saves * given.steps,
            epochs=100,
            checkpoint_steps=given.steps,
            batch_size=8,
            lint="off",
        )
        size = sum(
            path.stat().st_size
            for path in sorted((result.output / "checkpoints").glob("step-*"))[-1].iterdir()
        )
    Loop.save = save  # type: ignore[method-assign]
    wall, cpu = statistics.median(watch.wall), statistics.median(watch.cpu)
    assert MINUTES
    print(
        json.dumps(
            {
                "saves": len(watch.wall),
                "bytes": size,
                "wall_seconds": round(wall, 3),
                "wall_seconds_longest": round(max(watch.wall), 3),
                "cpu_seconds": round(cpu, 3),
                "step_seconds": round(result.record["train_seconds"] / result.record["steps"], 3),
                f"share_of_{MINUTES:g}_minutes": round(wall / (60 * MINUTES), 5),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
