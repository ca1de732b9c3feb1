"""Does augmentation help with little data? F1 with and without it, per operation, over seeds.

    python tests/benchmarks/augment_study.py --data DIR --out results.jsonl \
        --sizes 200 500 --seeds 0 1 2 3 4 --variants none default mention token ...

Trains on the first sentences of ``train.conll``, picks the best epoch on the first 100 sentences
of ``dev.conll``, and scores the whole of ``test.conll``. Every finished training is a line of the
output; what stands there already is not run again. ``--report`` prints the table of differences:
the mean over seeds of the difference to the same seed without augmentation, with a 95 % interval
from Student's t over the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OPERATIONS = ("mention", "token", "shuffle", "synonym", "swap", "delete", "punctuation", "typo")
NONE = "none"
DEFAULT = "default"
DEV_SENTENCES = 100
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def head(path: Path, sentences: int, target: Path) -> str:
    """Write the first sentences of a CoNLL file to another."""
    kept = path.read_text(encoding="utf-8").split("\n\n")[:sentences]
    target.write_text("\n\n".join(kept) + "\n\n", encoding="utf-8")
    return str(target)


def settings_of(variant: str, probability: float) -> dict[str, Any]:
    """The settings of ``augment`` behind the name of a variant.

    ``default`` leaves them as they are; names of operations, such as ``mention``, ``mention=0.5``
    or ``mention+token``, leave those on alone. ``:copies=4`` behind either sets what it says.
    """
    head, *others = variant.split(":")
    settings: dict[str, Any] = dict(one.split("=") for one in others)
    if head == DEFAULT:
        return settings
    chosen: dict[str, Any] = dict.fromkeys(OPERATIONS, 0.0)
    for one in head.split("+"):
        name, _, rate = one.partition("=")
        del chosen[name]
        if rate:
            chosen[name] = float(rate)
    return {**chosen, "probability": probability, **settings}


def train_once(
    data: Path, size: int, seed: int, variant: str, arguments: argparse.Namespace
) -> dict[str, Any]:
    """One training; returns its strict test F1."""
    import ft

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugins = ["ner"] if variant == NONE else ["ner", "augment"]
        extra = {} if variant == NONE else {"augment": settings_of(variant, arguments.probability)}
        result = ft.run(
            plugins,
            output=folder / "run",
            model=arguments.model,
            seed=seed,
            epochs=arguments.epochs,
            batch_size=16,
            learning_rate=arguments.learning_rate,
            lint="off",
            ner={
                "train": head(data / "train.conll", size, folder / "train.conll"),
                "validation": head(data / "dev.conll", DEV_SENTENCES, folder / "dev.conll"),
                "test": str(data / "test.conll"),
            },
            **extra,
        )
    return {
        "size": size,
        "seed": seed,
        "variant": variant,
        "f1": result.metrics["test"]["f1"].value,
        "validation_f1": result.metrics["validation"]["f1"].value,
        "train_seconds": result.record["train_seconds"],
    }


def report(rows: Iterable[dict[str, Any]]) -> None:
    """Print mean F1 and the paired difference to no augmentation, for each size and variant."""
    rows = list(rows)
    for size in sorted({row["size"] for row in rows}):
        scores: dict[str, dict[int, float]] = {}
        for row in rows:
            if row["size"] == size:
                scores.setdefault(row["variant"], {})[row["seed"]] = row["f1"]
        base = scores[NONE]
        print(f"\n| {size} sentences | seeds | mean F1 | difference | 95 % interval |")
        print("|---|---|---|---|---|")
        for variant, by_seed in scores.items():
            differences = [by_seed[seed] - base[seed] for seed in by_seed if seed in base]
            mean = statistics.mean(by_seed.values())
            line = f"| {variant} | {len(by_seed)} | {mean:.4f} |"
            if variant != NONE and len(differences) > 1:
                half = (
                    T_975[len(differences) - 1]
                    * statistics.stdev(differences)
                    / math.sqrt(len(differences))
                )
                centre = statistics.mean(differences)
                line += f" {centre:+.4f} | {centre - half:+.4f} to {centre + half:+.4f} |"
            else:
                line += " | |"
            print(line)


def main() -> None:
    """Read the arguments, run what is missing, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with train, dev and test.conll")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--variants", nargs="+", default=[NONE, DEFAULT, *OPERATIONS])
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--probability", type=float, default=1.0)
    parser.add_argument("--report", action="store_true", help="print the table and end")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.out.exists():
        rows = [json.loads(line) for line in arguments.out.read_text().splitlines()]
    if not arguments.report:
        done = {(row["size"], row["seed"], row["variant"]) for row in rows}
        for size in arguments.sizes:
            for seed in arguments.seeds:
                for variant in arguments.variants:
                    if (size, seed, variant) in done:
                        continue
                    row = train_once(arguments.data, size, seed, variant, arguments)
                    rows.append(row)
                    with arguments.out.open("a") as stream:
                        stream.write(json.dumps(row) + "\n")
                    print(json.dumps(row), flush=True)
    report(rows)


if __name__ == "__main__":
    main()
