"""Extractive answers by ft and by a plain loop of transformers with the same recipe, in turn.

    python tests/benchmarks/qa.py --data DIR --out results.jsonl --seeds 0 1 2

``DIR`` holds ``train.jsonl``, ``dev.jsonl`` and ``test.jsonl`` with the columns of SQuAD. Both train the
starter's encoder with a head for the first and the last token: AdamW, linear warm-up and decay, float32,
the same windows, batches of as many questions, and keep the epoch with the best F1 on dev. Answers are scored by the definitions of
SQuAD's script. ``seconds`` is processor time of training and prediction.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

LONGEST, BEST = 30, 20


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def scored(found: list[str], rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """F1 and exact match of each answer."""
    from ft_qa import scoring

    return {
        name: [
            round(scoring.best(measure, answer, row["answers"]["text"]), 6)
            for answer, row in zip(found, rows, strict=True)
        ]
        for name, measure in (("f1", scoring.f1), ("exact", scoring.exact))
    }


def with_ft(given: argparse.Namespace, seed: int) -> list[str]:
    """The answers of ft to the test split."""
    import ft

    result = ft.run(
        ["qa"],
        qa={
            "train": str(given.data / "train.jsonl"),
            "validation": str(given.data / "dev.jsonl"),
            "test": str(given.data / "test.jsonl"),
            "window_overlap": given.overlap,
            "longest_answer": LONGEST,
        },
        output=Path(tempfile.mkdtemp()) / "run",
        seed=seed,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        max_length=given.max_length,
        warmup=0.1,
        precision="fp32",
        device="cpu",
        lint="off",
        report=False,
        quiet=True,
    )
    lines = (result.output / "predictions" / "test.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["answer"] for line in lines.splitlines()]


class Plain:
    """The recipe as transformers' own example has it."""

    def __init__(self, given: argparse.Namespace, seed: int) -> None:
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer, set_seed

        import ft

        set_seed(seed)
        self.given, self.seed = given, seed
        path = str(ft.starter("model"))
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForQuestionAnswering.from_pretrained(path)

    def windows(self, rows: list[dict[str, Any]], gold: bool) -> list[dict[str, Any]]:
        """Windows of question and context, each with the characters of its tokens."""
        made = self.tokenizer(
            [row["question"] for row in rows],
            [row["context"] for row in rows],
            truncation="only_second",
            max_length=self.given.max_length,
            stride=self.given.overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows = []
        for i, row in enumerate(made["overflow_to_sample_mapping"]):
            context = [kind == 1 for kind in made.sequence_ids(i)]
            spans = [
                span if inside else None
                for span, inside in zip(made["offset_mapping"][i], context, strict=True)
            ]
            window = {"row": row, "spans": spans}
            window |= {name: made[name][i] for name in ("input_ids", "token_type_ids")}
            if gold:
                answer = rows[row]["answers"]
                begin = answer["answer_start"][0]
                end = begin + len(answer["text"][0])
                first = [k for k, s in enumerate(spans) if s and s[0] <= begin < s[1]]
                last = [k for k, s in enumerate(spans) if s and s[0] < end <= s[1]]
                whole = bool(first and last)
                window |= {"start": first[0] if whole else 0, "end": last[0] if whole else 0}
            windows.append(window)
        return windows

    def batch(self, windows: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        read = ("input_ids", "token_type_ids")
        batch = self.tokenizer.pad(
            {name: [one[name] for one in windows] for name in read}, return_tensors="pt"
        )
        if "start" in windows[0]:
            for side in ("start", "end"):
                batch[f"{side}_positions"] = torch.tensor([one[side] for one in windows])
        return dict(batch)

    def answers(self, rows: list[dict[str, Any]]) -> list[str]:
        """The best answer to each question over its windows."""
        import torch

        self.model.eval()
        windows = self.windows(rows, gold=False)
        best = [(float("-inf"), "")] * len(rows)
        for at in range(0, len(windows), 64):
            some = windows[at : at + 64]
            with torch.no_grad():
                out = self.model(**self.batch(some))
            for window, starts, ends in zip(some, out.start_logits, out.end_logits, strict=True):
                spans, context = window["spans"], rows[window["row"]]["context"]
                firsts = starts[: len(spans)].argsort(descending=True)[:BEST].tolist()
                lasts = ends[: len(spans)].argsort(descending=True)[:BEST].tolist()
                for i in firsts:
                    for j in lasts:
                        if spans[i] and spans[j] and i <= j < i + LONGEST:
                            score = float(starts[i] + ends[j])
                            if score > best[window["row"]][0]:
                                text = context[spans[i][0] : spans[j][1]]
                                best[window["row"]] = (score, text)
        return [text for _, text in best]

    def train(self) -> list[str]:
        """Train, and answer the test split with the epoch that is best on dev."""
        import torch
        from transformers import get_linear_schedule_with_warmup

        dev = read(self.given.data / "dev.jsonl")
        windows = self.windows(read(self.given.data / "train.jsonl"), gold=True)
        size, rows = self.given.batch_size, windows[-1]["row"] + 1
        # A batch has all windows of so many questions, as with ft: the same number of steps.
        of_row = [[one for one in windows if one["row"] == row] for row in range(rows)]
        steps = -(-rows // size) * self.given.epochs
        plain = [p for p in self.model.parameters() if p.ndim < 2]
        decayed = [p for p in self.model.parameters() if p.ndim >= 2]
        groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(
            groups, lr=self.given.learning_rate, weight_decay=0.01, fused=True
        )
        schedule = get_linear_schedule_with_warmup(optimizer, round(0.1 * steps), steps)
        drawn = torch.Generator().manual_seed(self.seed)
        kept: tuple[float, Any] = (-1.0, None)
        for _ in range(self.given.epochs):
            self.model.train()
            order = torch.randperm(rows, generator=drawn).tolist()
            for at in range(0, rows, size):
                batch = self.batch([one for i in order[at : at + size] for one in of_row[i]])
                self.model(**batch).loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            values = scored(self.answers(dev), dev)["f1"]
            f1 = sum(values) / len(values)
            if f1 > kept[0]:
                kept = f1, {name: one.clone() for name, one in self.model.state_dict().items()}
        self.model.load_state_dict(kept[1])
        return self.answers(read(self.given.data / "test.jsonl"))


def compared(lines: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds and what needs no model, with 95 % intervals over questions, and differences."""
    import numpy as np

    from ft_qa import scoring

    sentences = [scoring.nearest_sentence(row["question"], row["context"]) for row in rows]
    draws = np.random.default_rng(0).integers(len(rows), size=(5000, len(rows)))

    def interval(values: Any) -> list[float]:
        low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        return [round(float(v), 4) for v in (values.mean(), low, high)]

    told: dict[str, Any] = {}
    for name, values in scored(sentences, rows).items():
        means = {"sentence": np.array(values)}
        for system in ("ft", "plain"):
            several = [one[name] for one in lines if one["system"] == system]
            means[system] = np.mean(several, axis=0)
        told[name] = {system: interval(one) for system, one in means.items()}
        for system in ("plain", "sentence"):
            told[name][f"ft - {system}"] = interval(means["ft"] - means[system])
    return told


def main() -> None:
    """Train in turn and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--max-length", type=int, default=384)
    parser.add_argument("--overlap", type=int, default=128)
    given = parser.parse_args()
    rows = read(given.data / "test.jsonl")
    lines = []
    if given.out.exists():  # a measurement that was cut goes on
        lines = [json.loads(one) for one in given.out.read_text(encoding="utf-8").splitlines()]
    done = {(line["system"], line["seed"]) for line in lines}
    for k, seed in enumerate(given.seeds):
        for system in ("ft", "plain") if k % 2 else ("plain", "ft"):
            if (system, seed) in done:
                continue
            began = process_time()
            found = with_ft(given, seed) if system == "ft" else Plain(given, seed).train()
            seconds = round(process_time() - began, 1)
            line = {"system": system, "seed": seed, "seconds": seconds, **scored(found, rows)}
            lines.append(line)
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            means = {name: round(sum(line[name]) / len(rows), 4) for name in ("f1", "exact")}
            print(json.dumps({"system": system, "seed": seed, "seconds": seconds, **means}))
    print(json.dumps(compared(lines, rows)))


if __name__ == "__main__":
    main()
