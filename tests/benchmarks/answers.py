"""Answers to questions beside BM25, TF-IDF and the untrained encoder, and when to say that none fits.

    python tests/benchmarks/answers.py --data DIR --out results.jsonl --parts intents --seeds 0 1 2

``DIR`` holds the folders ``banking77`` and ``covid_faq``. Parts:

- ``intents``: BANKING77's questions to the name of their intent, its own splits.
- ``none``: the same, but ten intents have no answer: their questions stand in dev and test as questions
  that nothing fits; the threshold is chosen on dev for the precision 0.9.
- ``faq``: trained on the questions and answers of the COVID-19 FAQ; the test is its paraphrased
  questions.
- ``peer``: ``intents`` and the trainer of sentence-transformers with the same model, data, batch, rate
  and epochs, one after the other.
- ``rerank``: ``intents``, and the same with a run of `rerank` that orders the first ten anew. It learns from the
  first ten that the model without it gives to the training questions.

``--set KEY=VALUE`` sets a setting of `answers` or, with ``run.`` before it, of the run. Every finished
training is a line of the output; ``--report`` prints them.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

LEFT_OUT = 10
"""Intents without an answer, every seventh in the order of their names."""


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def intents(data: Path, folder: Path, kept: Sequence[int], without: int = 0) -> dict[str, Any]:
    """Settings for BANKING77, some of whose intents have no answer, with so many rows a split."""
    files = {
        split: rows_of(data / "banking77" / f"{name}.csv")
        for split, name in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    names = sorted({row["label"] for row in files["train"]})
    # The same rows for every seed and for whatever is compared.
    for count, rows in zip(kept, files.values(), strict=False):
        random.Random(0).shuffle(rows)
        del rows[count:]
    gone = set(names[:: len(names) // without][:without]) if without else set()
    known = [{"id": name, "answer": name.replace("_", " ")} for name in names if name not in gone]
    settings = {"answers": write(folder / "answers.jsonl", known)}
    for split, rows in files.items():
        made = [
            {"question": row["text"], "answer": None if row["label"] in gone else row["label"]}
            for row in rows
            if split != "train" or row["label"] not in gone
        ]
        settings[split] = write(folder / f"{split}.jsonl", made)
    return settings


def faq(data: Path, folder: Path) -> dict[str, Any]:
    """Settings for the FAQ: its own questions train, those that say the same in other words test."""
    lines = (data / "covid_faq" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    corpus = [json.loads(line) for line in lines]
    lines = (data / "covid_faq" / "queries.test.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line) for line in lines]
    return {
        "answers": write(
            folder / "answers.jsonl", [{"id": r["id"], "answer": r["answer"]} for r in corpus]
        ),
        "train": write(
            folder / "train.jsonl",
            [{"question": r["question"], "answer": [r["id"]]} for r in corpus],
        ),
        "test": write(
            folder / "test.jsonl",
            [{"question": r["query"], "answer": r["positive_ids"]} for r in queries],
        ),
    }


def start(settings: dict[str, Any], output: Path, seed: int, arguments: argparse.Namespace) -> Any:
    """One run of `answers`."""
    import ft

    given = dict(one.split("=", 1) for one in arguments.set)
    run = {key[4:]: value for key, value in given.items() if key.startswith("run.")}
    own = {key: value for key, value in given.items() if not key.startswith("run.")}
    run = {"epochs": arguments.epochs, "lint": "off", "report": False, **run}
    return ft.run(["answers"], answers={**settings, **own}, seed=seed, output=output, **run)


def train(part: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One training; its metrics on the test split, its baselines and its costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if part == "faq":
            settings = faq(arguments.data, folder)
        else:
            left_out = LEFT_OUT if part == "none" else 0
            settings = intents(arguments.data, folder, arguments.rows, left_out)
        begun = process_time()
        result = start(settings, folder / "run", seed, arguments)
        (table,) = [one for one in result.tables if one.title == "Baselines"]
        return {
            "metrics": {
                name: [one.value, one.low, one.high] for name, one in result.metrics["test"].items()
            },
            "baselines": [dict(zip(table.columns, row, strict=True)) for row in table.rows],
            "train_seconds": result.record["train_seconds"],
            "processor_seconds": process_time() - begun,
        }


def rerank(seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """hit@1 and MRR without and with a run of `rerank`, and the difference question by question."""
    import numpy as np

    import ft

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = intents(arguments.data, folder, arguments.rows)
        rows = {
            split: [json.loads(line) for line in Path(settings[split]).read_text().splitlines()]
            for split in ("train", "validation", "test")
        }
        start(settings, folder / "first", seed, arguments)
        lists: dict[str, str] = {}
        for split in ("train", "validation"):
            found = ft.predict(folder / "first", [row["question"] for row in rows[split]])
            lists[split] = write(
                folder / f"lists.{split}.jsonl",
                [
                    {
                        "query": row["question"],
                        "text": text,
                        "id": one,
                        "grade": int(one == row["answer"]),
                    }
                    for row, answer in zip(rows[split], found, strict=True)
                    for one, text in zip(answer["items"], answer["texts"], strict=True)
                ],
            )
        begun = process_time()
        common = {"seed": seed, "epochs": arguments.epochs, "lint": "off", "report": False}
        ft.run(["rerank"], rerank=lists, output=folder / "sharp", **common)
        seconds = process_time() - begun
        settings |= {"rerank": str(folder / "sharp"), "rerank_top": 10}
        start(settings, folder / "second", seed, arguments)
        metrics: dict[str, Any] = {}
        values: dict[str, dict[str, Any]] = {}
        for which in ("first", "second"):
            lines = (folder / which / "predictions" / "test.jsonl").read_text().splitlines()
            ranks = []
            for line, row in zip(map(json.loads, lines), rows["test"], strict=True):
                items = line["items"]
                ranks.append(items.index(row["answer"]) + 1 if row["answer"] in items else np.inf)
            values[which] = {
                "hit@1": np.array(ranks) == 1,
                "mrr": 1 / np.array(ranks, float),
            }
        drawn = np.random.default_rng(0).integers(len(rows["test"]), size=(2000, len(rows["test"])))
        for metric in ("hit@1", "mrr"):
            before, after = (values[which][metric] * 1.0 for which in ("first", "second"))
            for said_of, one in (
                ("", before),
                ("reranked ", after),
                ("change of ", after - before),
            ):
                low, high = np.percentile(one[drawn].mean(1), [2.5, 97.5])
                metrics[said_of + metric] = [float(one.mean()), float(low), float(high)]
        return {"metrics": metrics, "processor_seconds": seconds}


def peer(seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The trainer of sentence-transformers on ``intents``: hit@1 and MRR@10 on the test split."""
    import numpy as np
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    import ft

    given = dict(one.split("=", 1) for one in arguments.set)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = intents(arguments.data, folder, arguments.rows)
        rows = {
            key: [json.loads(line) for line in Path(path).read_text().splitlines()]
            for key, path in settings.items()
        }
        text = {row["id"]: row["answer"] for row in rows["answers"]}
        pairs = {
            "anchor": [row["question"] for row in rows["train"]],
            "positive": [text[row["answer"]] for row in rows["train"]],
        }
        model = SentenceTransformer(str(ft.starter("model")), device="cpu")
        begun = process_time()
        SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=str(folder / "peer"),
                num_train_epochs=arguments.epochs,
                per_device_train_batch_size=int(given.get("run.batch_size", 64)),
                learning_rate=5e-5,
                seed=seed,
                bf16=arguments.bf16,
                use_cpu=True,
                batch_sampler=arguments.sampler,
                save_strategy="no",
                report_to="none",
            ),
            train_dataset=Dataset.from_dict(pairs),
            loss=MultipleNegativesRankingLoss(model),
        ).train()
        seconds = process_time() - begun
        ids = list(text)
        vectors = model.encode([text[one] for one in ids], normalize_embeddings=True)
        asked = model.encode([row["question"] for row in rows["test"]], normalize_embeddings=True)
        order = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")
        ranks = [
            [ids[k] for k in best].index(row["answer"]) + 1
            for best, row in zip(order, rows["test"], strict=True)
        ]
        values = np.array(ranks)
        return {
            "metrics": {
                "hit@1": [float((values == 1).mean())],
                "mrr": [float(np.where(values <= 10, 1 / values, 0).mean())],
            },
            "processor_seconds": seconds,
        }


def said(line: Mapping[str, Any]) -> str:
    """A line of the output for people."""
    shown = [
        f"{name} "
        + (
            f"{v[0]:.4f} [{v[1]:.4f}, {v[2]:.4f}]"
            if len(v) == 3 and v[1] is not None
            else f"{v[0]:.4f}"
        )
        for name, v in line["metrics"].items()
    ]
    head = f"{line['part']} {line['who']} seed {line['seed']} {' '.join(line['set'])}"
    others = [f"  {one}" for one in line.get("baselines", ())]
    return "\n".join(
        [f"{head}: {line['processor_seconds']:.0f} s", "  " + ", ".join(shown), *others]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", default=["intents", "none", "faq"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument(
        "--rows", nargs="*", type=int, default=[], help="of train, dev, test of BANKING77; else all"
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--bf16", action="store_true", help="of the peer")
    parser.add_argument("--sampler", default="batch_sampler", help="of the peer")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        for line in arguments.out.read_text().splitlines():
            print(said(json.loads(line)))
        return
    for part in arguments.parts:
        for seed in arguments.seeds:
            for who in ("ft", "sentence-transformers")[: 2 if part == "peer" else 1]:
                if who != "ft":
                    work = peer(seed, arguments)
                elif part == "rerank":
                    work = rerank(seed, arguments)
                else:
                    work = train("intents" if part == "peer" else part, seed, arguments)
                line = {"part": part, "who": who, "seed": seed, "set": arguments.set, **work}
                with arguments.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(said(line), flush=True)


if __name__ == "__main__":
    main()
