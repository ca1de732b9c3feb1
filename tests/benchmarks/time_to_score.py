"""How long ft takes to reach the score that Hugging Face's Trainer ends with, and both final scores.

    python tests/benchmarks/time_to_score.py --task ner --data wnut17 --epochs 3 [--best]
    python tests/benchmarks/time_to_score.py --task sentiment --data sst2 --epochs 2 [--best]

For each seed the Trainer as it comes (float32), or with ``--best`` at its best flags, and ft with its defaults train in turn, each in a process
of its own, for the same epochs with the same batch size; ft scores the dev split ten times on the
way. Its time to a score is the share of its steps done then, of the seconds that it trained. The scores
of the test split are taken in one way for both: from the Trainer's last weights, and from those that
were best on ft's dev split. A score is strict entity F1, or accuracy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from speed import SUFFIX, loader_of, rows_of, with_trainer

METRIC = {"ner": "f1", "sentiment": "accuracy"}
TOOLS = ("trainer", "ft")


def score_on_test(arguments: argparse.Namespace, model: Any) -> float:
    """Entity F1 or accuracy on the test split, in float32."""
    from scoring import score
    from transformers import AutoTokenizer

    return score(model, AutoTokenizer.from_pretrained(arguments.model), *rows_of(arguments, "test"))


def with_ft(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train with ft; its dev scores on the way."""
    import ft

    task, suffix = arguments.task, SUFFIX[arguments.task]
    examples = len(rows_of(arguments, "train")[0])
    steps = arguments.epochs * -(-examples // arguments.batch_size)
    with tempfile.TemporaryDirectory() as name:
        result = ft.run(
            [task],
            output=Path(name) / "run",
            model=arguments.model,
            epochs=arguments.epochs,
            seed=arguments.seed,
            batch_size=arguments.batch_size,
            evaluate_steps=max(1, steps // 10),
            report=False,
            **{
                task: {
                    split: str(arguments.data / f"{file}.{suffix}")
                    for split, file in (("train", "train"), ("validation", "dev"))
                }
            },
        )
        log = (result.output / "metrics.jsonl").read_text().splitlines()
        model = loader_of(arguments).from_pretrained(result.output / "model")
        tested = score_on_test(arguments, model)
    evaluations = [row for row in map(json.loads, log) if "metrics" in row]
    seconds, steps = result.record["train_seconds"], result.record["steps"]
    curve = [
        (seconds * row["step"] / steps, row["metrics"][METRIC[task]]["value"])
        for row in evaluations
    ]
    return {"seconds": seconds, "curve": curve, "test": tested}


def work(arguments: argparse.Namespace) -> None:
    """One training in this process; prints a JSON line."""
    if arguments.tool == "ft":
        found = with_ft(arguments)
    else:
        found = with_trainer(arguments, arguments.best)
        found["test"] = score_on_test(arguments, found.pop("model"))
    print(json.dumps({"tool": arguments.tool, **found}), flush=True)


def report(rows: list[dict[str, Any]]) -> None:
    """Print a line for each seed, and the means."""
    turns = {
        seed: {row["tool"]: row for row in rows if row["seed"] == seed} for seed in seeds(rows)
    }
    print(
        "| seed | Trainer's dev score | after seconds | ft reaches it after | times faster | "
        "Trainer, test | ft, test |\n|---|---|---|---|---|---|---|"
    )
    for seed, turn in turns.items():
        wanted, taken = turn["trainer"]["score"], turn["trainer"]["seconds"]
        reached = next((at for at, score in turn["ft"]["curve"] if score >= wanted), None)
        told = f"{reached:.0f} | {taken / reached:.1f}" if reached else "never | "
        tested = " | ".join(f"{turn[tool]['test']:.3f}" for tool in TOOLS)
        print(f"| {seed} | {wanted:.3f} | {taken:.0f} | {told} | {tested} |")
    means = [statistics.mean(turn[tool]["test"] for turn in turns.values()) for tool in TOOLS]
    print(f"| mean | | | | | {means[0]:.3f} | {means[1]:.3f} |")


def seeds(rows: list[dict[str, Any]]) -> list[int]:
    """The seeds, in the order of the rows."""
    return list(dict.fromkeys(row["seed"] for row in rows))


def main() -> None:
    """Train with both in turn, once a seed; report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=sorted(SUFFIX), default="ner")
    parser.add_argument("--data", type=Path, required=True, help="with train, dev and test files")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tool", choices=TOOLS, help="train once, in this process")
    parser.add_argument("--best", action="store_true", help="the Trainer at its best flags")
    parser.set_defaults(device="cpu", examples=None, dev=None)
    arguments = parser.parse_args()
    if arguments.model is None:
        from ft.loading.starters import starter

        arguments.model = str(starter("model"))
    if arguments.tool:
        arguments.seed = arguments.seeds[0]
        work(arguments)
        return
    rows = []
    for seed in arguments.seeds:
        for tool in TOOLS:
            command = [sys.executable, __file__, "--tool", tool, "--task", arguments.task]
            command += ["--data", str(arguments.data), "--model", arguments.model]
            command += ["--epochs", str(arguments.epochs), "--seeds", str(seed)]
            command += ["--batch-size", str(arguments.batch_size)]
            command += ["--best"] if arguments.best else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append({"seed": seed, **json.loads(done.stdout.splitlines()[-1])})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    report(rows)


if __name__ == "__main__":
    main()
