"""A student of half the layers beside its teacher and beside the same student without one.

    python tests/benchmarks/distill.py --task sentiment --output FOLDER [--seeds 0 1 2] [--layers 3] [--epochs 4]

The data is the starter's. For each seed a teacher is trained, then students of its lowest layers: of the
pre-trained encoder, alone; of the teacher, alone; of the teacher, distilled (``--arms`` takes some of them). All train for as many epochs
at the same rate, a student for ``--student-epochs`` at ``--student-rate`` where they are given; ``--student-rate 0`` is what ft takes where
no rate is given. What a run leaves stays in FOLDER, and a run that is there is not made again. The
table has the main metric on the test split, its mean over the seeds, and the share of the teacher's within a seed; then
the processor seconds of the models' forward passes over some test texts, one after the other in turn, in one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import ft
from ft_distill.student import keep_layers

BATCH = 32
ARMS = ("encoder", "alone", "distilled")


def trained(folder: Path, plugins: list[str], **settings: Any) -> Path:
    """The folder of a run, which is made unless it is there."""
    if not (folder / "record.json").exists():
        ft.run(plugins, output=folder, lint="off", report=False, **settings)
    return folder


def cut(source: Path, layers: int, folder: Path) -> Path:
    """The encoder in a folder with so many of its layers."""
    if not folder.exists():
        model = AutoModel.from_pretrained(source)
        keep_layers(model, layers, "--layers")
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def score(folder: Path) -> float:
    """The main metric on the test split."""
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    metrics = record["metrics"]["test"]
    name = next(one for one in ("accuracy", "f1") if one in metrics)
    return float(metrics[name]["value"])


def batches(run: Path, texts: list[str], longest: int) -> list[dict[str, torch.Tensor]]:
    """The texts as the run's tokenizer cuts them, alike in length."""
    tokenizer = AutoTokenizer.from_pretrained(run)
    texts = sorted(texts, key=len)
    return [
        dict(
            tokenizer(
                texts[k : k + BATCH],
                truncation=True,
                max_length=longest,
                padding=True,
                return_tensors="pt",
            )
        )
        for k in range(0, len(texts), BATCH)
    ]


def seconds(
    models: dict[str, Any], given: list[dict[str, torch.Tensor]], repetitions: int
) -> dict[str, list[float]]:
    """Processor seconds of a forward pass over all batches, the models in turn."""
    spent: dict[str, list[float]] = {name: [] for name in models}
    torch.set_num_threads(1)
    with torch.no_grad():
        for repetition in range(repetitions + 1):
            for name, model in models.items():
                started = time.process_time()
                for batch in given:
                    model(**batch)
                if repetition:  # the first is to warm up
                    spent[name].append(time.process_time() - started)
    return spent


def show_speed(models: dict[str, Any], given: list[dict[str, torch.Tensor]], times: int) -> None:
    """Measure the models, of which the first is the one to beat, and print the table."""
    spent = seconds(models, given, times)
    first = next(iter(spent.values()))
    rows = []
    for one, values in spent.items():
        ratios = [theirs / mine for mine, theirs in zip(values, first, strict=True)]
        ratio = statistics.median(ratios)
        shown = f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append((one, f"{statistics.median(values):.2f}", shown))
    count = sum(len(batch["input_ids"]) for batch in given)
    title = f"forward passes over {count} test texts, {times} times in turn"
    columns = ("model", "processor seconds", "times as fast")
    print(ft.table_text(ft.Table(title, columns, tuple(rows))))


def untrained(layers: int, longest: int, count: int, times: int) -> None:
    """The speed of the starter's encoder with a head, whole and cut; weights do not matter for it."""
    encoder = Path(str(ft.starter("model")))
    load = AutoModelForSequenceClassification.from_pretrained
    models = {"the encoder": load(encoder).eval(), f"{layers} of its layers": load(encoder).eval()}
    keep_layers(models[f"{layers} of its layers"], layers, "--layers")
    test = ft.starter("sentiment")["test"]
    texts = list(ft.read_table(test, owner="benchmark")["text"])[:count]
    show_speed(models, batches(encoder, texts, longest), times)


def main() -> None:
    """Train, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=("sentiment", "ner"), default="sentiment")
    parser.add_argument("--output", type=Path, default=Path("runs/distill"))
    parser.add_argument(
        "--untrained", action="store_true", help="measure the speed alone, without training"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--student-epochs", type=int)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--student-rate", type=float)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--limit", type=int, help="training examples; default: all")
    parser.add_argument("--max-length", type=int, default=128, help="tokens of a text")
    parser.add_argument("--set", nargs="*", default=[], help="settings of distill, such as share=1")
    parser.add_argument("--timed", type=int, default=256, help="test texts of the measured passes")
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    if given.untrained:
        untrained(given.layers, given.max_length, given.timed, given.repetitions)
        return
    task, own = (
        given.task,
        {name: json.loads(value) for name, _, value in (s.partition("=") for s in given.set)},
    )
    more: dict[str, Any] = {"max_length": given.max_length}
    if given.limit:
        more[task] = {"limit": given.limit}
    rate = given.learning_rate if given.student_rate is None else given.student_rate
    rates = {"learning_rate": rate} if rate else {}
    epochs = given.student_epochs or given.epochs
    encoder = Path(str(ft.starter("model")))
    scores: dict[str, list[float]] = {}
    runs: dict[str, Path] = {}
    for seed in given.seeds:
        place = given.output / f"{task}-{seed}"
        teacher = trained(
            place / "teacher",
            [task],
            epochs=given.epochs,
            seed=seed,
            learning_rate=given.learning_rate,
            **more,
        )
        half = cut(encoder, given.layers, given.output / f"encoder-{given.layers}")
        own_half = cut(teacher / "model", given.layers, place / f"teacher-{given.layers}")
        name = "-".join([f"{given.layers}", f"{epochs}", f"{rate:g}", *given.set]).replace("=", "")
        student = {"epochs": epochs, "seed": seed, **rates, **more}
        distilled = {"teacher": str(teacher), "student_layers": given.layers, **own}
        kinds: dict[str, tuple[str, list[str], dict[str, Any]]] = {
            "encoder": ("of the encoder, alone", [task], {"model": str(half)}),
            "alone": ("of the teacher, alone", [task], {"model": str(own_half)}),
            "distilled": ("of the teacher, distilled", [task, "distill"], {"distill": distilled}),
        }
        runs = {"teacher": teacher}
        for arm in given.arms:
            shown, plugins, settings = kinds[arm]
            runs[shown] = trained(place / f"{arm}-{name}", plugins, **settings, **student)
        for one, folder in runs.items():
            scores.setdefault(one, []).append(score(folder))
    rows = []
    for one, values in scores.items():
        shares = [mine / theirs for mine, theirs in zip(values, scores["teacher"], strict=True)]
        shown = ", ".join(f"{value:.4f}" for value in values)
        rows.append(
            (one, shown, f"{statistics.mean(values):.4f}", f"{statistics.mean(shares):.1%}")
        )
    seeds = ", ".join(map(str, given.seeds))
    at = f"{rate:g}" if rate else "the default rate"
    title = f"{task}, seeds {seeds}, students: {given.layers} layers, {epochs} epochs at {at}"
    print(
        ft.table_text(
            ft.Table(title, ("model", "test", "mean", "share of the teacher's"), tuple(rows))
        )
    )
    examples = ft.load(runs["teacher"]).data().splits["test"]
    texts = (
        examples["text"] if task == "sentiment" else [" ".join(one) for one in examples["tokens"]]
    )
    models = {name: ft.load(folder).model for name, folder in runs.items()}
    given_batches = batches(runs["teacher"] / "model", list(texts)[: given.timed], given.max_length)
    show_speed(models, given_batches, given.repetitions)


if __name__ == "__main__":
    main()
