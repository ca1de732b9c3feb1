"""What techniques and the preset ``best`` gain with few labels, beside the task alone with as many epochs.

    python tests/benchmarks/few_labels.py draw --data DATA --output FOLDER
    python tests/benchmarks/few_labels.py run --output FOLDER [--sets sst2 ...] [--arms alone best ...] [--seeds 0 1 2 3 4]
    python tests/benchmarks/few_labels.py table --output FOLDER

DATA has a folder for each public set, with ``train``, ``dev`` and ``test`` as CSV or CoNLL; the starter's data is its own.
``draw`` writes the few training examples of each set, as many others for validation, 1,000 more without their labels as a pool, and
the whole test split. ``run`` trains; a run that is finished is not made again, so that two commands may share the work by
``--sets``. ``table`` prints, for each set, the gain of each arm over the task alone with the same seed: its interval covers
seeds and test items, the seconds (medians) are those before the first epoch and those of the epochs, and p is corrected by Holm's method over all rows of all sets. Arms that
were not trained on a set are left out of its rows.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ft
from ft_study.gains import Gain, gain, holm, p_text

SEED, POOL = 0, 1000
SETS: dict[str, tuple[str, int, str]] = {
    "sst2": ("sentiment", 200, "macro_f1"),
    "financial_phrasebank": ("sentiment", 200, "macro_f1"),
    "banking77": ("sentiment", 8, "macro_f1"),
    "chnsenticorp_hotel": ("sentiment", 500, "macro_f1"),
    "starter_sentiment": ("sentiment", 200, "macro_f1"),
    "wnut17": ("ner", 500, "f1"),
    "starter_ner": ("ner", 200, "f1"),
}
"""Task, training examples (of banking77, for each class), and what is compared."""

ALONE, BEST = "alone", "best"
ARMS = (
    ALONE,
    "linear_probe",
    "contrastive",
    "average",
    "augment",
    "pseudo_labels",
    "regularize",
    BEST,
)
OF_CLASSES = ("contrastive",)
"""Techniques for texts with one class."""

LENGTH = 64
"""Tokens of a text at most: reviews are long, and these trainings many."""


def tabled(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def chosen(rows: Sequence[dict[str, str]], each: int) -> list[dict[str, str]]:
    """The first rows of each class, and behind them as many again, and the rest."""
    seen: dict[str, int] = {}
    parts: list[list[dict[str, str]]] = [[], [], []]
    for row in rows:
        count = seen[row["label"]] = seen.get(row["label"], 0) + 1
        parts[min(2, (count - 1) // each)].append(row)
    return [row for part in parts for row in part]


def draw_rows(source: dict[str, Path], count: int, each: bool, target: Path) -> None:
    """Few rows of a table, as many for validation, a pool, and the test split."""
    rows = tabled(source["train"])
    random.Random(SEED).shuffle(rows)
    size = count
    if each:
        rows, size = chosen(rows, count), count * len({row["label"] for row in rows})
    parts = {
        "train": rows[:size],
        "validation": rows[size : 2 * size],
        "test": tabled(source["test"]),
        "pool": [{"text": row["text"]} for row in rows[2 * size : 2 * size + POOL]],
    }
    for name, part in parts.items():
        with (target / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(part[0]))
            writer.writeheader()
            writer.writerows(part)


def draw_sentences(source: dict[str, Path], count: int, target: Path) -> None:
    """Few sentences of CoNLL or JSONL, as many for validation, a pool, and the test split."""
    suffix = source["train"].suffix
    mark = "\n\n" if suffix == ".conll" else "\n"

    def read(path: Path) -> list[str]:
        return [one for one in path.read_text(encoding="utf-8").split(mark) if one.strip()]

    def words(sentence: str) -> list[str]:
        if suffix == ".conll":
            return [line.split("\t")[0] for line in sentence.strip().split("\n")]
        return list(json.loads(sentence)["tokens"])

    rows = read(source["train"])
    random.Random(SEED).shuffle(rows)
    parts = {
        "train": rows[:count],
        "validation": rows[count : 2 * count],
        "test": read(source["test"]),
    }
    for name, part in parts.items():
        (target / f"{name}{suffix}").write_text(mark.join(part) + mark, encoding="utf-8")
    pool = "".join(
        json.dumps({"tokens": words(one)}) + "\n" for one in rows[2 * count : 2 * count + POOL]
    )
    (target / "pool.jsonl").write_text(pool, encoding="utf-8")


def draw(arguments: argparse.Namespace) -> None:
    """Write the data of every set."""
    for name in arguments.sets:
        task, count, _ = SETS[name]
        target = arguments.output / "data" / name
        target.mkdir(parents=True, exist_ok=True)
        suffix = ".csv" if task == "sentiment" else ".conll"
        source = {split: arguments.data / name / f"{split}{suffix}" for split in ("train", "test")}
        if name.startswith("starter"):
            files = ft.starter(task) or {}
            source = {split: Path(files[split]) for split in ("train", "test")}
        if task == "sentiment":
            draw_rows(source, count, name == "banking77", target)
        else:
            draw_sentences(source, count, target)


def train(name: str, arm: str, seed: int, arguments: argparse.Namespace) -> Path:
    """The folder of a finished run, made unless it is there."""
    task = SETS[name][0]
    folder: Path = arguments.output / "runs" / f"{name}-{arm}-{seed}"
    if (folder / "record.json").exists():
        return folder
    data = arguments.output / "data" / name
    files = {path.stem: str(path) for path in data.iterdir()}
    pool = files.pop("pool")
    settings: dict[str, Any] = {task: files}
    plugins = [task]
    if arm == BEST:
        settings["preset"] = BEST
    elif arm != ALONE:
        plugins.append(arm)
    if arm == "pseudo_labels":
        settings[arm] = {"pool": pool}
    if arm == "regularize":
        settings[arm] = {"r_drop": 1.0}
    ft.run(
        plugins,
        output=folder,
        seed=seed,
        epochs=arguments.epochs,
        max_length=LENGTH,
        lint="off",
        advice=False,
        report=False,
        **settings,
    )
    for kept in ("checkpoints", "model"):
        shutil.rmtree(folder / kept)
    return folder


def arms_of(name: str, arms: Iterable[str]) -> list[str]:
    """Those arms that can be trained on a set."""
    return [arm for arm in arms if SETS[name][0] == "sentiment" or arm not in OF_CLASSES]


def run(arguments: argparse.Namespace) -> None:
    """Train what is missing; the seeds one after the other, so that a stopped study is even."""
    for seed in arguments.seeds:
        for name in arguments.sets:
            for arm in arms_of(name, arguments.arms):
                folder = train(name, arm, seed, arguments)
                value = score(folder, SETS[name][2])
                print(f"{name} {arm} {seed} {value:.3f}", flush=True)


def score(folder: Path, metric: str) -> float:
    """A score on the test split."""
    record = json.loads((folder / "record.json").read_bytes())
    return float(record["metrics"]["test"][metric]["value"])


def seconds(folder: Path) -> tuple[float, float]:
    """What the techniques took before the first epoch, and the training."""
    record = json.loads((folder / "record.json").read_bytes())
    started = [one["seconds"] for one in record["costs"] if one["hook"] == "on_run_start"]
    return sum(started), float(record["train_seconds"])


def table(arguments: argparse.Namespace) -> None:
    """Print the gains."""
    rows: list[tuple[str, str, Gain, float, float, str]] = []
    for name in arguments.sets:
        metric = SETS[name][2]
        scores: dict[str, list[float]] = {}
        drawn: dict[str, list[ft.Draws]] = {}
        took: dict[str, str] = {}
        for arm in arms_of(name, arguments.arms):
            folders = [arguments.output / "runs" / f"{name}-{arm}-{k}" for k in arguments.seeds]
            if not any(folder.exists() for folder in folders):
                continue
            parts = zip(*map(seconds, folders), strict=True)
            took[arm] = " + ".join(f"{statistics.median(part):.0f}" for part in parts)
            scores[arm] = [score(folder, metric) for folder in folders]
            drawn[arm] = [ft.read_draws(folder, "test")[metric] for folder in folders]
        for arm in scores:
            if arm != ALONE:
                pairs = list(zip(drawn[arm], drawn[ALONE], strict=True))
                found = gain(scores[arm], scores[ALONE], pairs)
                means = statistics.mean(scores[arm]), statistics.mean(scores[ALONE])
                rows.append((name, arm, found, *means, took[arm]))
    corrected = holm([row[2].p for row in rows])
    print("| set | arm | alone | with it | gain | corrected p | seconds |")
    print("|---|---|---|---|---|---|---|")
    for (name, arm, found, value, alone, spent), p in zip(rows, corrected, strict=True):
        ends = f"[{found.low:+.3f}, {found.high:+.3f}]"
        print(
            f"| {name} | {arm} | {alone:.3f} | {value:.3f} | {found.value:+.3f} {ends} | {p_text(p)} | {spent} |"
        )


def main() -> None:
    """Read the arguments, and do what they say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("what", choices=("draw", "run", "table"))
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the public sets")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--epochs", type=float, default=3, help="of every arm; ft's own default is 3"
    )
    arguments = parser.parse_args()
    {"draw": draw, "run": run, "table": table}[arguments.what](arguments)


if __name__ == "__main__":
    main()
