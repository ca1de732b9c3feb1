"""The whole command beside AutoGluon's text predictor: the same texts, encoder, epochs and batch size.

    python tests/benchmarks/autogluon_speed.py --data sst2 --autogluon PYTHON [--declare] [--examples 4846] [--seeds 0 1]

``PYTHON`` is the interpreter of an environment with ``autogluon.multimodal`` (see `few_labels_peers.py`). In turn for each
seed: ``ft run --plugins sentiment`` and ``MultiModalPredictor.fit``, from the start of the interpreter to the answers to the
test split. Both hold out the validation examples that they want; nothing else is set.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sklearn.metrics import accuracy_score, f1_score


def read(path: Path, count: int | None = None) -> tuple[list[str], list[str]]:
    """Texts and classes of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:count]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def with_ft(arguments: argparse.Namespace, seed: int, folder: Path) -> list[str]:
    """The answers of a run to the test split."""
    texts, labels = read(arguments.data / "train.csv", arguments.examples)
    train = folder / "train.csv"
    with train.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    values = {
        "sentiment.train": train,
        "sentiment.test": arguments.data / "test.csv",
        "run.epochs": arguments.epochs,
        "run.batch_size": arguments.batch_size,
        "run.seed": seed,
    }
    given = [part for k, v in values.items() for part in ("-o", f"{k}={v}")]
    run = folder / "run"
    command = [sys.executable, "-m", "ft", "run", "--plugins", "sentiment", "--quiet", *given]
    subprocess.run([*command, "--output", str(run)], check=True)
    lines = (run / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["label"] for line in lines]


def with_autogluon(arguments: argparse.Namespace, seed: int, folder: Path) -> list[str]:
    """The answers of a predictor to the test split."""
    from ft.loading.starters import starter

    job = {
        "who": "autogluon",
        "model": str(starter("model")),
        "train": read(arguments.data / "train.csv", arguments.examples),
        "test": read(arguments.data / "test.csv")[0],
        "entities": False,
        "declare": arguments.declare,
        "folder": str(folder),
        "seed": seed,
        "until": time.time() + 86400,
        "settings": {
            "optim.max_epochs": arguments.epochs,
            "env.batch_size": arguments.batch_size,
            "env.per_gpu_batch_size": arguments.batch_size,
        },
    }
    file = folder / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    script = Path(__file__).with_name("setfit_autogluon.py")
    subprocess.run([arguments.autogluon, str(script), str(file)], check=True)
    answers: list[str] = json.loads((folder / "answers.json").read_text())["answers"]
    return answers


def main() -> None:
    """Train with both in turn; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="with train.csv and test.csv")
    parser.add_argument("--autogluon", metavar="PYTHON", required=True)
    parser.add_argument("--declare", action="store_true", help="as of few_labels_peers.py")
    parser.add_argument("--examples", type=int, default=4846)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    arguments = parser.parse_args()
    gold = read(arguments.data / "test.csv")[1]
    rows: list[tuple[Any, ...]] = []
    for seed in arguments.seeds:
        for who, train in (("ft", with_ft), ("AutoGluon", with_autogluon)):
            with tempfile.TemporaryDirectory() as name:
                started = time.perf_counter()
                answers = train(arguments, seed, Path(name))
                seconds = time.perf_counter() - started
            scores = accuracy_score(gold, answers), f1_score(gold, answers, average="macro")
            rows.append((seed, who, f"{seconds:.0f}", *(f"{one:.3f}" for one in scores)))
            print(rows[-1], flush=True)
    print("| seed | | seconds | accuracy | macro F1 |\n|---|---|---|---|---|")
    for row in rows:
        print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    main()
