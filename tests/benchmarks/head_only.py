"""Training the head alone: the second epoch beside the first, which computes the encoder's outputs.

    python tests/benchmarks/head_only.py --data sst2 [--repetitions 5]

``sentiment`` with ``run.freeze = "encoder"``. The first epoch counts from the moment that the model
is built, with the texts encoded by an earlier run; both epochs end with the scoring of 32 examples.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import ft

EPOCHS = 4


class Clock(ft.Plugin):
    """Notes when the model was built and when each epoch ended."""

    times: ClassVar[list[float]] = []

    @ft.hookimpl
    def build_head(self, inner: Callable[..., Any], run: Any, data: Any) -> Any:
        """As it was."""
        model = inner(run, data)
        if not run.restored:
            self.times[:] = [time.perf_counter()]
        return model

    @ft.hookimpl
    def on_epoch_end(self, run: Any, epoch: int, metrics: Any) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def main() -> None:
    """Train a few times; print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train and dev.csv")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    ratios, firsts, seconds = [], [], []
    sys.modules["head_only_clock"] = sys.modules["__main__"]
    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / "small.csv"
        lines = (arguments.data / "dev.csv").read_text(encoding="utf-8").splitlines()[:33]
        small.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for turn in range(arguments.repetitions + 1):
            ft.run(
                ["sentiment", "head_only_clock:Clock"],
                output=Path(name) / str(turn),
                epochs=EPOCHS,
                freeze="encoder",
                batch_size=arguments.batch_size,
                learning_rate=1e-3,
                report=False,
                sentiment={
                    "train": str(arguments.data / "train.csv"),
                    "validation": str(small),
                    "limit": arguments.examples,
                },
                **({"model": arguments.model} if arguments.model else {}),
            )
            epochs = [b - a for a, b in zip(Clock.times, Clock.times[1:], strict=False)]
            print([round(one, 3) for one in epochs], flush=True)
            if turn:
                firsts.append(epochs[0])
                seconds.append(epochs[1])
                ratios.append(epochs[0] / epochs[1])
    print(
        f"{arguments.examples} texts: first epoch {statistics.median(firsts):.2f} s, second "
        f"{statistics.median(seconds):.3f} s; {statistics.median(ratios):.1f} times faster "
        f"({min(ratios):.1f} to {max(ratios):.1f}, {len(ratios)} repetitions)"
    )


if __name__ == "__main__":
    main()
