"""Fine-tune for named entities with Hugging Face's Trainer, to compare ft with.

    python tests/benchmarks/trainer_ner.py --data DIR --seeds 0 1 2 [--plain]

Scores strict entity F1 over every word of the test split. ``--plain`` leaves the Trainer as it
comes (float32, no grouping by length); without it, bf16, grouping by length and fused AdamW.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def read_conll(path: Path) -> list[tuple[list[str], list[str]]]:
    """Sentences of a two-column file."""
    sentences: list[tuple[list[str], list[str]]] = []
    tokens: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            token, tag = line.split("\t")
            tokens.append(token)
            tags.append(tag)
        elif tokens:
            sentences.append((tokens, tags))
            tokens, tags = [], []
    return sentences


def train_once(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One training with the Trainer; returns its score and times."""
    from datasets import Dataset
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(seed)
    splits = {name: read_conll(arguments.data / f"{name}.conll") for name in ("train", "test")}
    labels = sorted({tag for rows in splits.values() for _, tags in rows for tag in tags})
    ids = {tag: i for i, tag in enumerate(labels)}
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)

    def encode(batch: dict[str, Any]) -> Any:
        encoded = tokenizer(batch["tokens"], is_split_into_words=True, truncation=True)
        encoded["labels"] = []
        for i, tags in enumerate(batch["tags"]):
            owners = encoded.word_ids(i)
            encoded["labels"].append(
                [
                    -100 if word is None or (k and word == owners[k - 1]) else ids[tags[word]]
                    for k, word in enumerate(owners)
                ]
            )
        return encoded

    def prepare(rows: list[tuple[list[str], list[str]]]) -> Dataset:
        data = Dataset.from_dict({"tokens": [t for t, _ in rows], "tags": [t for _, t in rows]})
        return data.map(encode, batched=True, remove_columns=["tokens", "tags"])

    model = AutoModelForTokenClassification.from_pretrained(arguments.model, num_labels=len(labels))
    best = (
        {}
        if arguments.plain
        else {
            "bf16": True,
            "train_sampling_strategy": "group_by_length",
            "optim": "adamw_torch_fused",
        }
    )
    settings = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=arguments.epochs,
        per_device_train_batch_size=arguments.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=arguments.learning_rate,
        weight_decay=0.01,
        seed=seed,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **best,
    )
    train, test = prepare(splits["train"]), prepare(splits["test"])
    trainer = Trainer(
        model=model,
        args=settings,
        train_dataset=train,
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    output = trainer.predict(test)
    predicted = []
    for row, logits, (_, tags) in zip(
        output.label_ids, output.predictions, splits["test"], strict=True
    ):
        found = [labels[i] for i in np.argmax(logits[row != -100], axis=-1)]
        predicted.append(found + ["O"] * (len(tags) - len(found)))
    gold = [tags for _, tags in splits["test"]]
    tokens = sum(len(ids) for ids in train["input_ids"]) * arguments.epochs
    return {
        "seed": seed,
        "f1": f1_score(gold, predicted, mode="strict", scheme=IOB2),
        "train_seconds": seconds,
        "tokens_per_second": tokens / seconds,
    }


def main() -> None:
    """Read the arguments, train once a seed, print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train and test.conll")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    if arguments.model is None:
        from ft.loading.starters import starter

        arguments.model = str(starter("model"))
    for seed in arguments.seeds:
        print(json.dumps(train_once(arguments, seed)), flush=True)


if __name__ == "__main__":
    main()
