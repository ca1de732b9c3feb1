"""Training the head alone: the second epoch beside the first, which computes the encoder's outputs.

    python tests/benchmarks/head_only.py --data sst2 [--repetitions 5]

``sentiment`` with ``run.freeze = "encoder"``. The first epoch counts from the moment that the model
is built, with the texts encoded by an earlier run. Both epochs include the prediction of 32 examples;
once with, once without the intervals of their scores, whose resampling takes the same time for any
task and any speed of training.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ft

EPOCHS = 2


class Clock(ft.Plugin):
    """Notes when the model was built, and how long each epoch took without and with its scoring."""

    began: ClassVar[float] = 0.0
    trained: ClassVar[list[float]] = []
    scored: ClassVar[list[float]] = []

    @ft.hookimpl
    def build_head(self, inner: Callable[..., Any], run: Any, data: Any) -> Any:
        """As it was."""
        model = inner(run, data)
        if not run.restored:
            Clock.began = time.perf_counter()
            self.trained.clear()
            self.scored.clear()
        return model

    @ft.hookimpl
    def evaluate(self, inner: Callable[..., Any], run: Any, predictions: Any) -> Any:
        """As it was."""
        self.trained.append(time.perf_counter() - Clock.began)
        return inner(run, predictions)

    @ft.hookimpl
    def on_epoch_end(self, run: Any, epoch: int, metrics: Any) -> None:
        """Note the time."""
        now = time.perf_counter()
        self.scored.append(now - Clock.began)
        Clock.began = now


def main() -> None:
    """Train a few times; print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train and dev.csv")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    rows: list[tuple[float, float, float, float]] = []
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
            trained, scored = Clock.trained[:2], Clock.scored[:2]
            print([round(one, 3) for one in (*trained, *scored)], flush=True)
            if turn:
                rows.append((*trained, *scored))
    firsts, seconds, firsts_scored, seconds_scored = zip(*rows, strict=True)
    print(
        f"{arguments.examples} texts: first epoch {statistics.median(firsts):.2f} s, second "
        f"{statistics.median(seconds):.3f} s; {quotients(firsts, seconds)} times faster, with "
        f"scoring {quotients(firsts_scored, seconds_scored)}; {len(rows)} repetitions"
    )


def quotients(above: Sequence[float], below: Sequence[float]) -> str:
    """Median, least and most of the quotients."""
    found = [a / b for a, b in zip(above, below, strict=True)]
    return f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})"


if __name__ == "__main__":
    main()
