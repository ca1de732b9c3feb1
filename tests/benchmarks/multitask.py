"""Two tasks on one encoder beside a run of each alone: scores and prediction time.

    python tests/benchmarks/multitask.py --data DIR --out results.jsonl --seeds 0 1 2

``DIR`` holds the folders ``banking77`` (the intent of a question) and ``financial_phrasebank`` (the opinion of a
sentence), each with ``train.csv``, ``dev.csv`` and ``test.csv``. All runs have the starter's encoder, the same
settings and the same epochs. ``seconds`` is processor time: of a training, and of the prediction of the same
texts by the one model and by the two, in turn. Before the first of them a short run imports what all of them need.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

TASKS = {"intent": "banking77", "opinion": "financial_phrasebank"}


def drawn(given: argparse.Namespace, folder: Path) -> None:
    """Write so many rows of each split, drawn once, as ``TASK.SPLIT.csv``."""
    for name, source in TASKS.items():
        for split, count in zip(("train", "dev", "test"), given.rows, strict=True):
            with (given.data / source / f"{split}.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            random.Random(0).shuffle(rows)
            with (folder / f"{name}.{split}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ("text", "label"))
                writer.writeheader()
                writer.writerows(rows[:count])


def files(folder: Path, name: str) -> dict[str, str]:
    """Settings that name a task's files."""
    splits = {"train": "train", "validation": "dev", "test": "test"}
    return {split: str(folder / f"{name}.{file}.csv") for split, file in splits.items()}


def train(
    given: argparse.Namespace, folder: Path, names: list[str], seed: int, **more: Any
) -> tuple[Any, float]:
    """A run of one task, or of both, and its processor seconds."""
    import ft

    output = Path(tempfile.mkdtemp()) / "run"
    plugin: str = "sentiment"
    settings: dict[str, Any] = {**files(folder, names[0])}
    if len(names) > 1:
        plugin = "multitask"
        settings = {
            "tasks": dict.fromkeys(names, "sentiment"),
            "settings": {name: files(folder, name) for name in names},
            "weights": given.weights,
        }
    began = process_time()
    result = ft.run(
        [plugin],
        output=output,
        seed=seed,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        device="cpu",
        lint="off",
        report=False,
        quiet=True,
        **{plugin: settings},
        **more,
    )
    return result, process_time() - began


def test_rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The test split of a task."""
    with (folder / f"{name}.test.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def right(model: Any, folder: Path, task: str, alone: bool) -> list[bool]:
    """Whether each text of a task's test split gets the right label."""
    rows = test_rows(folder, task)
    answers = model.predict([row["text"] for row in rows])
    labels = [(one if alone else one[task])["label"] for one in answers]
    return [label == row["label"] for label, row in zip(labels, rows, strict=True)]


def times(models: dict[str, Any], texts: list[str], rounds: int) -> tuple[float, list[float]]:
    """Processor time of the one model to that of the two on the same texts: the median of so many
    rounds, in turn, and their range.
    """
    found = []
    for k in range(rounds):
        spent = {}
        for who in ("both", *TASKS) if k % 2 else (*TASKS, "both"):
            began = process_time()
            models[who].predict(texts)
            spent[who] = process_time() - began
        found.append(spent["both"] / sum(spent[name] for name in TASKS))
    return round(statistics.median(found), 3), [round(min(found), 3), round(max(found), 3)]


def compared(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracies, means over seeds, and the difference text by text with its 95 % interval."""
    import numpy as np

    told: dict[str, Any] = {}
    for name in TASKS:
        together = np.mean([one[f"both/{name}"] for one in lines], axis=0)
        alone = np.mean([one[name] for one in lines], axis=0)
        apart = together - alone
        draws = np.random.default_rng(0).integers(len(apart), size=(2000, len(apart)))
        low, high = np.percentile(apart[draws].mean(axis=1), [2.5, 97.5])
        told[name] = {
            "together": round(float(together.mean()), 4),
            "alone": round(float(alone.mean()), 4),
            "difference": [round(float(value), 4) for value in (apart.mean(), low, high)],
        }
    return told


def main() -> None:
    """Train in turn and print what came out."""
    import ft

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument(
        "--rows", type=int, nargs=3, default=[1800, 400, 1000], help="of train, dev and test"
    )
    parser.add_argument(
        "--weights", type=json.loads, default={}, help='such as {"intent": 2.0}, for both together'
    )
    parser.add_argument("--texts", type=int, default=512, help="for the times")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    drawn(given, folder)
    runs = {"both": list(TASKS), **{name: [name] for name in TASKS}}
    train(given, folder, list(TASKS), 0, max_steps=1)
    for seed in given.seeds:
        line: dict[str, Any] = {"seed": seed, "seconds": {}}
        models = {}
        for who, names in runs.items():
            result, seconds = train(given, folder, names, seed)
            line["seconds"][who] = round(seconds, 1)
            models[who] = ft.load(result.output)
        for name in TASKS:
            line[f"both/{name}"] = right(models["both"], folder, name, alone=False)
            line[name] = right(models[name], folder, name, alone=True)
        texts = [
            row["text"] for name in TASKS for row in test_rows(folder, name)[: given.texts // 2]
        ]
        line["time"] = times(models, texts, given.rounds)
        with given.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps({k: line[k] for k in ("seed", "seconds", "time")}), flush=True)
    print(json.dumps(compared([json.loads(one) for one in given.out.read_text().splitlines()])))


if __name__ == "__main__":
    main()
