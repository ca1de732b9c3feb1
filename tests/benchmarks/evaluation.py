"""Evaluation side by side: `ft.evaluate` and Hugging Face's Trainer over one trained model.

    python tests/benchmarks/evaluation.py --run RUN --data wnut17 [--repetitions 5]

``RUN`` is the folder of a finished run of ``ner``. Each reads the dev file, loads the model and gives
strict entity F1, in turn, as often as asked: ft with the intervals of its scores, the Trainer as it
comes (batches of 8, float32) and at its best (batches of 64, grouped by length, bf16 where the
processor multiplies in it). The table has seconds and ft's ratio to each within a repetition.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import fast_bf16
from trainer_ner import read_conll


def with_ft(run: Path, data: Path) -> float:
    """What `ft.evaluate` gives."""
    import ft

    return float(ft.evaluate(run, data / "dev.conll").metrics["test"]["f1"].value)


def with_trainer(run: Path, data: Path, best: bool) -> float:
    """What the Trainer gives, with seqeval over the first token of each word."""
    from datasets import Dataset
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        PrinterCallback,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(run / "model")
    model = AutoModelForTokenClassification.from_pretrained(run / "model")
    names, rows = model.config.id2label, read_conll(data / "dev.conll")
    ids = {name: i for i, name in names.items()}
    batch = tokenizer([words for words, _ in rows], is_split_into_words=True, truncation=True)
    features = []
    for i, (_, tags) in enumerate(rows):
        owners = batch.word_ids(i)
        features.append({name: batch[name][i] for name in batch})
        features[-1]["labels"] = [
            -100 if word is None or (k and word == owners[k - 1]) else ids[tags[word]]
            for k, word in enumerate(owners)
        ]

    def metrics(found: Any) -> dict[str, float]:
        best_ids = np.argmax(found.predictions, axis=-1)
        pairs = [
            [(names[a], names[b]) for a, b in zip(*row, strict=True) if a != -100]
            for row in zip(found.label_ids, best_ids, strict=True)
        ]
        gold, guessed = ([[pair[k] for pair in row] for row in pairs] for k in (0, 1))
        return {"f1": f1_score(gold, guessed, mode="strict", scheme=IOB2)}

    flags: dict[str, Any] = {}
    if best:
        flags = {"per_device_eval_batch_size": 64, "bf16": fast_bf16()}
        features.sort(key=lambda one: len(one["input_ids"]))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            **flags,
        ),
        eval_dataset=Dataset.from_list(features),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=metrics,
    )
    trainer.remove_callback(PrinterCallback)
    return float(trainer.evaluate()["eval_f1"])


def main() -> None:
    """Evaluate with all in turn; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with dev.conll")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    tools: dict[str, Callable[[], float]] = {
        "ft": lambda: with_ft(arguments.run, arguments.data),
        "trainer": lambda: with_trainer(arguments.run, arguments.data, best=False),
        "trainer-best": lambda: with_trainer(arguments.run, arguments.data, best=True),
    }
    for tool in tools.values():  # imports, and what the system keeps of files
        tool()
    seconds: dict[str, list[float]] = {name: [] for name in tools}
    scores = {}
    for _ in range(arguments.repetitions):
        for name, tool in tools.items():
            started = time.perf_counter()
            scores[name] = tool()
            seconds[name].append(time.perf_counter() - started)
    print("| | seconds | ft is so many times faster | strict entity F1 |\n|---|---|---|---|")
    for name, taken in seconds.items():
        ratios = [a / b for a, b in zip(taken, seconds["ft"], strict=True)]
        print(
            f"| {name} | {statistics.median(taken):.2f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) | {scores[name]:.4f} |"
        )


if __name__ == "__main__":
    main()
