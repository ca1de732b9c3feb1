"""Train a small encoder-decoder from nothing with Seq2SeqTrainer and with ft, in turn, seed by seed.

    python tests/benchmarks/seq2seq.py --data DIR --columns en de --seeds 0 1 2

``DIR`` holds ``train.jsonl``, ``dev.jsonl`` and ``test.jsonl``. Both start from the same random weights
and tokenizer and train with the same settings (AdamW, linear decay, float32, batches by length), score the
loss on dev after each epoch, and write dev and test greedily at the end. One JSON line a training; texts are scored by the same
functions, and ``seconds`` is processor time of all of it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any


def read(path: Path, columns: list[str], limit: int | None = None) -> list[dict[str, Any]]:
    """The pairs of a file; of several references the first in train, all elsewhere."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][:limit]
    return [{"source": row[columns[0]], "target": row[columns[1]]} for row in rows]


def references(row: dict[str, Any]) -> list[str]:
    """All references of a pair."""
    return [row["target"]] if isinstance(row["target"], str) else list(row["target"])


def scores(texts: list[str], rows: list[dict[str, Any]]) -> dict[str, float]:
    """BLEU, chrF and ROUGE-L of texts, by sacreBLEU and by ft's own."""
    from ft_seq2seq.scoring import Written, score_texts
    from ft_seq2seq.settings import Seq2SeqConfig

    made = Written(
        texts,
        [references(row) for row in rows],
        [row["source"] for row in rows],
        [False] * len(rows),
    )
    metrics = score_texts(made, Seq2SeqConfig(), total=len(rows), beside=False).metrics
    return {name: round(metrics[name].value, 2) for name in ("bleu", "chrf", "rougeL")}


def baselines(given: argparse.Namespace) -> dict[str, list[float]]:
    """chrF, BLEU and ROUGE-L of texts that need no model, on the test split."""
    from ft_seq2seq.scoring import Written, score_texts
    from ft_seq2seq.settings import Seq2SeqConfig

    rows = read(given.data / "test.jsonl", given.columns)
    sources, golds = [row["source"] for row in rows], [references(row) for row in rows]
    made = Written([""] * len(rows), golds, sources, [False] * len(rows))
    table = score_texts(made, Seq2SeqConfig(), total=len(rows)).tables[0]
    scored = [row for row in table.rows[1:] if row[1] is not None]
    return {row[0]: [round(one, 2) for one in row[1:4]] for row in scored}


def with_trainer(given: argparse.Namespace, model: Path, seed: int, longest: int) -> dict[str, Any]:
    """One training with Seq2SeqTrainer at its best flags."""
    from datasets import Dataset
    from transformers import (
        AutoModelForSeq2SeqLM,
        AutoTokenizer,
        DataCollatorForSeq2Seq,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        set_seed,
    )

    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForSeq2SeqLM.from_pretrained(model)

    def encoded(rows: list[dict[str, Any]]) -> Dataset:
        sources = [row["source"] for row in rows]
        ids = tokenizer(sources, truncation=True, max_length=given.max_length)["input_ids"]
        targets = [references(row)[0] for row in rows]
        labels = tokenizer(text_target=targets, truncation=True, max_length=longest)["input_ids"]
        return Dataset.from_dict({"input_ids": ids, "labels": labels})

    splits = {
        split: read(given.data / f"{split}.jsonl", given.columns) for split in ("dev", "test")
    }
    train = read(given.data / "train.jsonl", given.columns, given.limit)
    settings = Seq2SeqTrainingArguments(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=given.epochs,
        per_device_train_batch_size=given.batch_size,
        per_device_eval_batch_size=128,
        learning_rate=given.learning_rate,
        weight_decay=0.01,
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=seed,
        use_cpu=True,
        predict_with_generate=False,
        generation_max_length=longest,
        generation_num_beams=1,
    )
    trainer = Seq2SeqTrainer(
        network,
        settings,
        train_dataset=encoded(train),
        eval_dataset=encoded(splits["dev"]),
        data_collator=DataCollatorForSeq2Seq(tokenizer, network),
    )
    trainer.train()
    losses = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    trainer.args.predict_with_generate = True
    # Grouped by length, `predict` gives the texts in another order than that of the data.
    trainer.args.train_sampling_strategy = "random"
    written = {}
    for split in ("dev", "test"):
        ids = trainer.predict(encoded(splits[split]), max_new_tokens=longest).predictions
        ids[ids == -100] = tokenizer.pad_token_id
        texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
        written[split] = [text.strip() for text in texts]
    return {"loss": round(losses[-1], 4), **scores(written["test"], splits["test"])}


def with_ft(given: argparse.Namespace, model: Path, seed: int, longest: int) -> dict[str, Any]:
    """The same with ft."""
    import ft

    rows = {
        "train": read(given.data / "train.jsonl", given.columns, given.limit),
        **{split: read(given.data / f"{split}.jsonl", given.columns) for split in ("dev", "test")},
    }
    result = ft.run(
        ["seq2seq"],
        seq2seq={
            "train": rows["train"],
            "validation": rows["dev"],
            "test": rows["test"],
            "generate": 0,
            "beams": 1,
            "longest": longest,
        },
        model=str(model),
        output=Path(tempfile.mkdtemp()) / "run",
        seed=seed,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        max_length=given.max_length,
        precision="fp32",
        device="cpu",
        lint="off",
        advice=False,
        report=False,
        quiet=True,
    )
    found = result.metrics["test"]
    names = ("bleu", "chrf", "rougeL")
    values = {name: round(found[name].value, 2) for name in names}
    interval = [round(value or 0, 2) for value in (found["chrf"].low, found["chrf"].high)]
    loss = result.metrics["validation"]["loss"].value
    table = next(one for one in result.tables if one.title == "Baselines")
    beside = {
        row[0]: [round(one, 2) for one in row[1:4]] for row in table.rows if row[1] is not None
    }
    return {"loss": round(loss, 4), **values, "chrf_interval": interval, "beside": beside}


def main() -> None:
    """Train in turn and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--columns", nargs=2, default=["source", "target"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--limit", type=int, default=3200)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--longest", type=int, default=32)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--baselines", action="store_true", help="train nothing")
    given = parser.parse_args()
    if given.baselines:
        print(json.dumps(baselines(given)))
        return

    from ft_seq2seq import write_model

    texts = [
        text
        for row in read(given.data / "train.jsonl", given.columns)
        for text in (row["source"], references(row)[0])
    ]
    for k, seed in enumerate(given.seeds):
        model = Path(tempfile.mkdtemp()) / "model"
        settings: Any = {"size": given.size, "vocabulary": given.vocabulary, "seed": seed}
        write_model(model, texts, dropout=given.dropout, **settings)
        systems = [("trainer", with_trainer), ("ft", with_ft)]
        for name, system in systems if k % 2 else systems[::-1]:
            began = time.process_time()
            found = system(given, model, seed, given.longest)
            seconds = round(time.process_time() - began, 1)
            told = {"system": name, "seed": seed, **found, "seconds": seconds}
            print(json.dumps(told, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
