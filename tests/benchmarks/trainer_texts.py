"""Fine-tune a text classifier with Hugging Face's Trainer and with ft, in turn, seed by seed.

    python tests/benchmarks/trainer_texts.py --data DIR --seeds 0 1 2

``DIR`` holds ``train.csv``, ``dev.csv`` and ``test.csv`` with the columns ``text`` and ``label``.
Both train on the same texts with the same settings (AdamW, linear decay, bf16 where the processor
has it, batches by length) and score accuracy and macro F1 on the whole test split. ft keeps the
epoch that is best on the dev split, the Trainer its last. One JSON line a training.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def read(path: Path) -> dict[str, list[str]]:
    """Texts and labels of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [row[name] for row in rows] for name in ("text", "label")}


def with_trainer(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One training with the Trainer at its best flags."""
    from datasets import Dataset
    from sklearn.metrics import accuracy_score, f1_score
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(seed)
    splits = {name: read(arguments.data / f"{name}.csv") for name in ("train", "test")}
    labels = sorted(set(splits["train"]["label"]))
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)

    def encode(batch: dict[str, list[str]]) -> Any:
        encoded = tokenizer(batch["text"], truncation=True)
        encoded["labels"] = [labels.index(label) for label in batch["label"]]
        return encoded

    prepared = {
        name: Dataset.from_dict(rows).map(encode, batched=True, remove_columns=["text", "label"])
        for name, rows in splits.items()
    }
    settings = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=arguments.epochs,
        per_device_train_batch_size=arguments.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=arguments.learning_rate,
        weight_decay=0.01,
        seed=seed,
        use_cpu=True,
        bf16=True,
        train_sampling_strategy="group_by_length",
        optim="adamw_torch_fused",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(
            arguments.model, num_labels=len(labels)
        ),
        args=settings,
        train_dataset=prepared["train"],
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    output = trainer.predict(prepared["test"])
    found = np.argmax(output.predictions, axis=-1)
    return {
        "accuracy": accuracy_score(output.label_ids, found),
        "macro_f1": f1_score(output.label_ids, found, average="macro"),
        "train_seconds": seconds,
    }


def with_ft(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One training with ft."""
    import ft

    with tempfile.TemporaryDirectory() as name:
        result = ft.run(
            ["sentiment"],
            output=Path(name) / "run",
            model=arguments.model,
            seed=seed,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            sentiment={
                "train": str(arguments.data / "train.csv"),
                "validation": str(arguments.data / "dev.csv"),
                "test": str(arguments.data / "test.csv"),
            },
        )
    metrics = result.metrics["test"]
    return {
        "accuracy": metrics["accuracy"].value,
        "macro_f1": metrics["macro_f1"].value,
        "train_seconds": result.record["train_seconds"],
    }


def main() -> None:
    """Read the arguments and print a JSON line a training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    arguments = parser.parse_args()
    if arguments.model is None:
        from ft.loading.starters import starter

        arguments.model = str(starter("model"))
    for seed in arguments.seeds:
        for tool, train in (("ft", with_ft), ("trainer", with_trainer)):
            print(json.dumps({"tool": tool, "seed": seed, **train(arguments, seed)}), flush=True)


if __name__ == "__main__":
    main()
