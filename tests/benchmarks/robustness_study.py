"""Is a model that was trained adversarially more robust, and no worse on clean text?

    python tests/benchmarks/robustness_study.py --task sentiment --data sst2 --out results.jsonl
    python tests/benchmarks/robustness_study.py --task ner --out results.jsonl

Trains the same data with each method and seed (``none`` is plain training), keeps the epoch that is
best on the clean validation split, and scores the test split three times: clean, under a PGD attack on the word embeddings at a fixed radius, and with
typing errors. Every finished training is a line of the output; what stands there already is not run
again. ``--report`` prints means over the seeds, and differences to ``none`` with a 95 % interval
from Student's t over the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

PLAIN = "none"
RADIUS = 0.25
CONDITIONS = ("clean", "under_attack", "under_typos")
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
SUFFIX = {"sentiment": "csv", "ner": "conll"}
PARTED = {"sentiment": "\n", "ner": "\n\n"}


def head(source: Path, examples: int | None, target: Path, apart: str, header: int) -> str:
    """The file, or another with its first examples alone."""
    if examples is None:
        return str(source)
    kept = source.read_text(encoding="utf-8").split(apart)[: examples + header]
    target.write_text(apart.join(kept) + apart, encoding="utf-8")
    return str(target)


def train_once(arguments: argparse.Namespace, method: str, seed: int) -> dict[str, Any]:
    """One training; returns the main metric of the test split under each condition."""
    import ft

    task, suffix = arguments.task, SUFFIX[arguments.task]
    with tempfile.TemporaryDirectory() as name:
        files: dict[str, Any] = {}
        if arguments.data:
            counts = {"validation": arguments.validation, "test": arguments.test}
            names = {"validation": "dev", "test": "test"}
            files = {
                split: head(
                    arguments.data / f"{names[split]}.{suffix}",
                    count,
                    Path(name) / f"{split}.{suffix}",
                    PARTED[task],
                    int(task == "sentiment"),
                )
                for split, count in counts.items()
            }
            files |= {"train": str(arguments.data / f"train.{suffix}"), "limit": arguments.limit}
        result = ft.run(
            [task, "adversarial"],
            output=Path(name) / "run",
            model=arguments.model,
            seed=seed,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            lint="off",
            adversarial={
                "method": label(arguments, method),
                "robustness": "test",
                **({} if method in (PLAIN, "r3f") else {"radius": arguments.radius}),
            },
            **{task: files},
        )
    metrics = result.metrics["test"]
    scores = {}
    for condition in CONDITIONS:
        key = result.main if condition == "clean" else f"{result.main}_{condition}"
        scores[condition] = [metrics[key].value, metrics[key].low, metrics[key].high]
    return {
        "task": task,
        "method": method,
        "seed": seed,
        "metric": result.main,
        **scores,
        "train_seconds": result.record["train_seconds"],
    }


def label(arguments: argparse.Namespace, method: str) -> str:
    """What a method is called in the output: another radius than the default is another method."""
    if method in (PLAIN, "r3f") or arguments.radius == RADIUS:
        return method
    return f"{method}, radius {arguments.radius:g}"


def report(rows: list[dict[str, Any]]) -> None:
    """Print a table for each task."""
    for task in sorted({row["task"] for row in rows}):
        chosen = [row for row in rows if row["task"] == task]
        plain = {row["seed"]: row for row in chosen if row["method"] == PLAIN}
        print(f"\n| {task}, {chosen[0]['metric']} | seeds | clean | under attack | typing errors |")
        print("|---|---|---|---|---|")
        for method in dict.fromkeys(row["method"] for row in chosen):
            mine = {row["seed"]: row for row in chosen if row["method"] == method}
            cells = []
            for condition in CONDITIONS:
                cell = f"{statistics.mean(row[condition][0] for row in mine.values()):.3f}"
                gains = [
                    row[condition][0] - plain[seed][condition][0]
                    for seed, row in mine.items()
                    if seed in plain
                ]
                if method != PLAIN and len(gains) > 1:
                    half = T_975[len(gains) - 1] * statistics.stdev(gains) / math.sqrt(len(gains))
                    middle = statistics.mean(gains)
                    cell += f" ({middle:+.3f}; {middle - half:+.3f} to {middle + half:+.3f})"
                cells.append(cell)
            print(f"| {method} | {len(mine)} | {' | '.join(cells)} |")


def main() -> None:
    """Read the arguments, run what is missing, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=sorted(SUFFIX), default="sentiment")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder with train, dev and test files; default: the starter's data",
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--methods", nargs="+", default=[PLAIN, "fgm"])
    parser.add_argument("--radius", type=float, default=RADIUS, help="of the training's shifts")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int, default=None, help="training examples")
    parser.add_argument("--validation", type=int, default=None, help="validation examples")
    parser.add_argument("--test", type=int, default=None, help="test examples")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--report", action="store_true", help="print the tables and end")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.out.exists():
        rows = [json.loads(line) for line in arguments.out.read_text().splitlines()]
    done = {(row["task"], row["method"], row["seed"]) for row in rows}
    for seed in [] if arguments.report else arguments.seeds:
        for method in arguments.methods:
            if (arguments.task, label(arguments, method), seed) in done:
                continue
            row = train_once(arguments, method, seed)
            rows.append(row)
            with arguments.out.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    report(rows)


if __name__ == "__main__":
    main()
