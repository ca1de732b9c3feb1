"""Training side by side: ft, Hugging Face's Trainer, and a bare PyTorch loop, in one sitting.

    python tests/benchmarks/speed.py --task ner --data wnut17 --out speed.jsonl [--repetitions 10]
    python tests/benchmarks/speed.py --task sentiment --data sst2 --out speed.jsonl
    python tests/benchmarks/speed.py --device cuda --shape bert-base --batch-size 32 --data wnut17 --out gpu.jsonl

Each repetition trains one epoch over the same examples with every tool in turn, each in a process
of its own: ``ft`` with its defaults; ``trainer`` as it comes; ``trainer-best`` with grouping by length,
fused AdamW, and bf16 where the processor multiplies in it; ``bare``, a loop over batches that are made
beforehand (the same precision, by length, fused AdamW, clipping), all with one batch size; and
``trainer-own``, as it comes with its own default batch size of 8. The table has real tokens a second
of training, with the ratio of ft to each tool within a repetition, in seconds and in processor seconds: its median
and the interval of that; the process's peak memory; and the score on the dev split, which is taken in one way for all,
in fp32, by seeds that differ between repetitions.

With ``--device cuda`` all of them train on the GPU, the Trainer at its best with tf32 and two workers for its data as
well, and the memory is the GPU's. ``--shape bert-base`` stands for a model of that size with random weights and the
starter's vocabulary, where none can be fetched: its speed is that of trained ones, its scores say nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import best_flags, fast_bf16, memory, wait_for
from pairs import in_turn, shown

TOOLS = ("ft", "trainer", "trainer-best", "bare", "trainer-own")
SUFFIX = {"ner": "conll", "sentiment": "csv"}
SHAPES: dict[str, dict[str, int]] = {
    "bert-base": {},  # what BertConfig has by itself
    "bert-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
PER = (lambda row: row["seconds"] / row["tokens"], lambda row: row["processor"] / row["tokens"])
"""Seconds and processor seconds of training for a token."""


class Watch:
    """Adds up the seconds, and those of the processor, that pass within it, with what a GPU was given there."""

    def __init__(self, device: str = "cpu") -> None:
        self.seconds = self.processor = 0.0
        self._device = device

    def __enter__(self) -> Watch:
        wait_for(self._device)
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        wait_for(self._device)
        self.seconds += time.perf_counter() - self._began[0]
        self.processor += time.process_time() - self._began[1]


def steps_of_ft() -> Watch:
    """What ft's steps will take in this process. A hook would be told after a step, which changes what ft does in it."""
    from ft.engine.loop import Loop

    watch, step = Watch(), Loop._step

    def timed(loop: Any, batch: Any) -> None:
        with watch:
            step(loop, batch)

    setattr(Loop, "_step", timed)  # noqa: B010
    return watch


def rows_of(
    arguments: argparse.Namespace, split: str, count: int | None = None
) -> tuple[list[Any], list[Any]]:
    """Inputs and labels of a split, or its first examples: words with tags, or texts."""
    import csv

    path = arguments.data / f"{split}.{SUFFIX[arguments.task]}"
    if arguments.task == "sentiment":
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))[:count]
        return [row["text"] for row in rows], [row["label"] for row in rows]
    blocks = path.read_text(encoding="utf-8").split("\n\n")[:count]
    pairs = [[line.split("\t") for line in block.splitlines() if line] for block in blocks]
    return [[w for w, _ in rows] for rows in pairs], [[t for _, t in rows] for rows in pairs]


def encoded(arguments: argparse.Namespace) -> tuple[Any, list[dict[str, Any]], list[str]]:
    """The tokenizer, features with labels, and the names of the labels."""
    from transformers import AutoTokenizer

    inputs, labels = rows_of(arguments, "train", arguments.examples)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    words = arguments.task == "ner"
    batch = tokenizer(inputs, is_split_into_words=words, truncation=True)
    flat = [tag for tags in labels for tag in tags] if words else labels
    ids = {label: i for i, label in enumerate(sorted(set(flat)))}
    features = []
    for i, label in enumerate(labels):
        feature = {name: batch[name][i] for name in batch}
        if words:
            owners = batch.word_ids(i)
            feature["labels"] = [
                -100 if word is None or (k and word == owners[k - 1]) else ids[label[word]]
                for k, word in enumerate(owners)
            ]
        else:
            feature["labels"] = ids[label]
        features.append(feature)
    return tokenizer, features, list(ids)


def with_ft(arguments: argparse.Namespace) -> dict[str, float]:
    """Train with ft's defaults; few examples to evaluate, whose time is not counted."""
    import ft

    watch = steps_of_ft()
    few, suffix = {"ner": "\n\n", "sentiment": "\n"}[arguments.task], SUFFIX[arguments.task]
    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / f"small.{suffix}"
        text = (arguments.data / f"dev.{suffix}").read_text(encoding="utf-8")
        small.write_text(few.join(text.split(few)[:32]) + few, encoding="utf-8")
        result = ft.run(
            [arguments.task],
            output=Path(name) / "run",
            model=arguments.model,
            epochs=1,
            seed=arguments.seed,
            batch_size=arguments.batch_size,
            device="cpu" if arguments.device == "cpu" else "auto",
            **{
                arguments.task: {
                    "train": str(arguments.data / f"train.{suffix}"),
                    "validation": str(small),
                    "limit": arguments.examples,
                }
            },
        )
        peak = memory(arguments.device)
        model = loader_of(arguments).from_pretrained(result.output / "model")
        reached = score_on_dev(arguments, model)
    return {
        "tokens": result.record["tokens"],
        "seconds": result.record["train_seconds"],
        "processor": watch.processor,
        "peak_mb": peak,
        "score": reached,
    }


def score_on_dev(arguments: argparse.Namespace, model: Any) -> float:
    """Entity F1 or accuracy on the dev split."""
    from scoring import score
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    return score(model, tokenizer, *rows_of(arguments, "dev", arguments.dev))


def shaped(shape: str, folder: Path) -> str:
    """A model of a shape with random weights and the starter's tokenizer, in a folder."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    from ft.loading.starters import starter

    tokenizer = AutoTokenizer.from_pretrained(starter("model"))
    tokenizer.save_pretrained(folder)
    BertModel(BertConfig(vocab_size=len(tokenizer), **SHAPES[shape])).save_pretrained(folder)
    return str(folder)


def loader_of(arguments: argparse.Namespace) -> Any:
    """The class of transformers that has the task's head."""
    import transformers

    kind = {"ner": "TokenClassification", "sentiment": "SequenceClassification"}[arguments.task]
    return getattr(transformers, f"AutoModelFor{kind}")


def head_of(arguments: argparse.Namespace, labels: list[str]) -> Any:
    """A pre-trained encoder with a new head."""
    import transformers

    transformers.set_seed(arguments.seed)
    return loader_of(arguments).from_pretrained(
        arguments.model,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )


def collator_of(arguments: argparse.Namespace, tokenizer: Any) -> Any:
    """What pads features into a batch."""
    from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding

    if arguments.task == "ner":
        return DataCollatorForTokenClassification(tokenizer)
    return DataCollatorWithPadding(tokenizer)


def with_trainer(arguments: argparse.Namespace, best: bool) -> dict[str, Any]:
    """Train with the Trainer, as it comes or at its best flags."""
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    tokenizer, features, labels = encoded(arguments)
    size = 8 if arguments.tool == "trainer-own" else arguments.batch_size
    flags: dict[str, Any] = {"per_device_train_batch_size": size}
    if best:
        flags |= {"train_sampling_strategy": "group_by_length", **best_flags(arguments.device)}
    trainer = Trainer(
        model=head_of(arguments, labels),
        args=TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            num_train_epochs=arguments.epochs,
            seed=arguments.seed,
            use_cpu=arguments.device == "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **flags,
        ),
        train_dataset=Dataset.from_list(features),
        data_collator=collator_of(arguments, tokenizer),
    )
    with Watch(arguments.device) as watch:
        trainer.train()
    return {
        "tokens": arguments.epochs * sum(len(one["input_ids"]) for one in features),
        "seconds": watch.seconds,
        "processor": watch.processor,
        "peak_mb": memory(arguments.device),
        "score": score_on_dev(arguments, trainer.model),
        "model": trainer.model,
    }


def with_bare_loop(arguments: argparse.Namespace) -> dict[str, float]:
    """Train with nothing but PyTorch, over batches that are padded beforehand."""
    import torch

    tokenizer, features, labels = encoded(arguments)
    model = head_of(arguments, labels).to(arguments.device).train()
    collate = collator_of(arguments, tokenizer)
    ordered = sorted(features, key=lambda one: len(one["input_ids"]))
    size = arguments.batch_size
    cut = range(0, len(ordered), size)
    batches = [collate(ordered[i : i + size]).to(arguments.device) for i in cut]
    order = np.random.default_rng(arguments.seed).permutation(len(batches))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)
    fast = arguments.device != "cpu" or fast_bf16()
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(batches))
    with Watch(arguments.device) as watch:
        for i in order:
            with torch.autocast(arguments.device, dtype=torch.bfloat16, enabled=fast):
                loss = model(**batches[i]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return {
        "tokens": sum(len(one["input_ids"]) for one in features),
        "seconds": watch.seconds,
        "processor": watch.processor,
        "peak_mb": memory(arguments.device),
        "score": score_on_dev(arguments, model),
    }


def work(arguments: argparse.Namespace) -> None:
    """One training in this process; prints a JSON line."""
    if arguments.tool == "ft":
        found = with_ft(arguments)
    elif arguments.tool == "bare":
        found = with_bare_loop(arguments)
    else:
        found = with_trainer(arguments, arguments.tool == "trainer-best")
        del found["model"]
    print(json.dumps({"tool": arguments.tool, **found}), flush=True)


def report(rows: list[dict[str, Any]]) -> None:
    """Print a table for each task."""
    for task in dict.fromkeys(row["task"] for row in rows):
        by_tool: dict[str, dict[int, dict[str, Any]]] = {tool: {} for tool in TOOLS}
        for row in rows:
            if row["task"] == task:
                by_tool[row["tool"]][row["repetition"]] = row
        print(
            f"\n| {task} | repetitions | tokens a second | ft to it | in processor seconds | "
            "peak memory, MB | ft's to it | score | lowest to highest |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        ft = by_tool["ft"]
        for tool, turns in by_tool.items():
            if not turns:
                continue
            speed = [row["tokens"] / row["seconds"] for row in turns.values()]
            peak = [row["peak_mb"] for row in turns.values()]
            scores = [row["score"] for row in turns.values()]
            both = [turn for turn in turns if turn in ft and tool != "ft"]
            ratios = [shown([of(turns[t]) / of(ft[t]) for t in both]) if both else "" for of in PER]
            memory_share = (
                shown([ft[t]["peak_mb"] / turns[t]["peak_mb"] for t in both]) if both else ""
            )
            print(
                f"| {tool} | {len(turns)} | {statistics.median(speed):.0f} | {ratios[0]} | {ratios[1]} | "
                f"{statistics.median(peak):.0f} | {memory_share} | {statistics.mean(scores):.3f} | "
                f"{min(scores):.3f} to {max(scores):.3f} |"
            )


def measure_all(arguments: argparse.Namespace) -> None:
    """Run every tool in turn, as often as asked, and keep what they print."""

    def measure(tool: str, turn: int) -> dict[str, Any]:
        command = [sys.executable, __file__, "--tool", tool, "--task", arguments.task]
        command += ["--data", str(arguments.data), "--model", arguments.model]
        command += ["--examples", str(arguments.examples), "--device", arguments.device]
        command += ["--batch-size", str(arguments.batch_size), "--seed", str(turn)]
        command += ["--dev", str(arguments.dev)] if arguments.dev else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        row = {"task": arguments.task, "repetition": turn, **row}
        print(json.dumps(row), flush=True)
        return row

    turns = arguments.repetitions
    kept, slowest, repeated = in_turn(arguments.tools, measure, turns, turns // 2)
    with arguments.out.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for rows in kept for row in rows.values())
    told = f"{repeated} turns were measured again; products took {max(slowest):.2f} times the least"
    print(f"{arguments.task}: {told}")


def main() -> None:
    """Run every tool in turn, as often as asked, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=sorted(SUFFIX), default="ner")
    parser.add_argument("--data", type=Path, help="folder with train and dev files")
    parser.add_argument("--out", type=Path, help="a JSON line for each training")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--shape", choices=sorted(SHAPES), help="in place of a model")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--examples", type=int, default=1500)
    parser.add_argument("--dev", type=int, default=None, help="dev examples to score; default: all")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0, help="of a single training")
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--tool", choices=TOOLS, help="train once, in this process")
    parser.set_defaults(epochs=1)
    parser.add_argument("--report", action="store_true", help="print the tables and end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.shape:
            arguments.model = shaped(arguments.shape, Path(name))
        elif arguments.model is None:
            from ft.loading.starters import starter

            arguments.model = str(starter("model"))
        if arguments.tool:
            work(arguments)
            return
        if not arguments.report:
            measure_all(arguments)
    report([json.loads(line) for line in arguments.out.read_text().splitlines()])


if __name__ == "__main__":
    main()
