"""recommend on MovieLens ml-latest-small: three seeds, intervals, baselines, and new items.

    python tests/benchmarks/recommend_movielens.py [--data FOLDER] [--seeds 0 1 2] [--epochs 6]
        [--tuned-share 0] [--cold-share 0.2] [--starter] [--output FOLDER]

Each user's last interaction by time is held out, every interaction counts as liked, and every unseen
item is ranked. With ``--cold-share`` that share of the items, drawn by the seed, is withheld from
training, and the scores of new items are those of users whose held-out item is among them; they
are pooled over the seeds. ``--starter`` takes the ratings of the starter package instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import ft

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "movielens_small"


def main() -> None:
    """Train, then print one line a seed and the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--starter", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--head-learning-rate", type=float, default=5e-3)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--tuned-share", type=float, default=0.0)
    parser.add_argument("--cold-share", type=float, default=0.0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=JSON", help="more settings")
    given = parser.parse_args()
    settings: dict[str, Any] = {
        "tuned_share": given.tuned_share,
        "cold_share": given.cold_share,
        **{key: json.loads(value) for key, value in (one.split("=", 1) for one in given.set)},
    }
    if not given.starter:
        settings["interactions"] = str(given.data / "interactions.csv")
        settings["items"] = str(given.data / "items.csv")
    output = given.output or Path(tempfile.mkdtemp(prefix="recommend-"))
    pooled: list[dict[str, Any]] = []
    results = []
    for seed in given.seeds:
        started = perf_counter()
        result = ft.run(
            ["recommend"],
            recommend=settings,
            seed=seed,
            epochs=given.epochs,
            batch_size=given.batch_size,
            max_tokens=32 * given.batch_size,
            learning_rate=given.learning_rate,
            head_learning_rate=given.head_learning_rate,
            output=output / f"seed{seed}",
        )
        results.append(result)
        lines = (output / f"seed{seed}" / "predictions" / "test.jsonl").read_text().splitlines()
        pooled += [json.loads(line) for line in lines]
        for table in result.tables:
            print(f"\nseed {seed}: {table.title}; {table.note}")
            for row in (table.columns, *table.rows):
                print("  ".join(f"{cell!s:<25}" for cell in row))
        seconds = result.record["train_seconds"]
        print(f"training {seconds:.0f} s, everything {perf_counter() - started:.0f} s", flush=True)
    print("\nmean over the seeds (lowest and highest)")
    for name in results[0].metrics["test"]:
        values = [result.metrics["test"][name].value for result in results]
        print(f"  {name:<16} {np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")
    new = [one for one in pooled if "cold_rank" in one]
    if new:
        _print_new(new)


def _print_new(new: list[dict[str, Any]]) -> None:
    """nDCG@10 among new items, pooled over the seeds, its interval over users' held-out items."""
    ranks = np.array([one["cold_rank"] for one in new])
    gains = np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0.0)
    low, high = ft.bootstrap_items(lambda rows: float(gains[rows].mean()), len(gains))
    print(
        f"new items, pooled: nDCG@10 {gains.mean():.4f} [{low:.4f}, {high:.4f}], {len(new)} asked"
    )


if __name__ == "__main__":
    main()
