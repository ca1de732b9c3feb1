"""Answers that stand in a text, with their offsets; or none (SQuAD 2.0; Rajpurkar et al. 2018)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional
from transformers import AutoModelForQuestionAnswering

import ft
from ft import (
    Evaluation,
    Metric,
    Schema,
    Target,
    TaskData,
    Text,
    bootstrap_items,
    hookimpl,
    read_split_tables,
)


def fault(row: Any) -> str | None:
    """What is wrong with the answers of a row."""
    for one in row["answers"] or ():
        if not 0 <= one["start"] < one["end"] <= len(row["context"]):
            return f"has an answer outside of its context: {one['start']} to {one['end']}"
    return None


class Extractive(ft.Plugin):
    """Finds the answer to a question in a context, or says that there is none."""

    name = "extractive"

    class Config(ft.DataConfig):
        stride: int = Field(8, ge=0, description="tokens that a window shares with the next")
        longest: int = Field(30, gt=0, description="tokens of an answer at most")
        null: float = Field(0.0, description="what an answer gains against none")

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        columns = ("question", "context", "answers")
        data = read_split_tables(
            self.config, owner=self.name, run=run, columns=columns, check=fault
        )
        schema = Schema(
            texts=(Text("question"), Text("context", editable=False)),
            targets=(Target("answers", kind="spans"),),
        )
        return TaskData(data.splits, schema, data.files, data.notes, data.read)

    @hookimpl
    def build_head(self, run: Any, data: TaskData) -> Any:
        return run.load(AutoModelForQuestionAnswering.from_pretrained, "model", dtype=torch.float32)

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> dict[str, list[Any]]:
        encoded = run.tokenizer(
            list(examples["question"]),
            list(examples["context"]),
            truncation="only_second",
            max_length=run.max_length,
            stride=self.config.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        rows = encoded.pop("overflow_to_sample_mapping")
        offsets = encoded.pop("offset_mapping")
        features = {"row": list(rows), **encoded, "keep_begin": [], "keep_end": []}
        for i, places in enumerate(offsets):
            context = [one == 1 for one in encoded.sequence_ids(i)]
            for name, side in (("keep_begin", 0), ("keep_end", 1)):
                pairs = zip(places, context, strict=True)
                features[name].append([place[side] if own else -1 for place, own in pairs])
        if "answers" in examples:
            begins = zip(rows, features["keep_begin"], features["keep_end"], strict=True)
            found = [self._find(examples["answers"][row], *places) for row, *places in begins]
            features["labels_start"], features["labels_end"] = map(list, zip(*found, strict=True))
        return features

    def _find(self, answers: Any, begins: list[int], ends: list[int]) -> tuple[int, int]:
        """The tokens of the first answer in a window; the first token of all where it is not there."""
        for answer in answers or ():
            inside = [
                i
                for i, (begin, end) in enumerate(zip(begins, ends, strict=True))
                if begin < answer["end"] and answer["start"] < end and begin >= 0
            ]
            whole = inside and begins[inside[0]] <= answer["start"]
            if whole and ends[inside[-1]] >= answer["end"]:
                return inside[0], inside[-1]
        return 0, 0

    @hookimpl
    def loss_of(self, run: Any, outputs: Any, batch: Any) -> ft.Loss:
        each = sum(
            functional.cross_entropy(
                outputs[f"{side}_logits"].float(), batch[f"labels_{side}"], reduction="none"
            )
            for side in ("start", "end")
        )
        return ft.Loss(each.sum(), float(len(each)), outputs, each=each)

    @hookimpl
    def decode(self, run: Any, outputs: Any, examples: Any) -> list[dict[str, Any]]:
        items = []
        for output, context in zip(outputs, examples["context"], strict=True):
            windows = zip(
                output["features"], output["start_logits"], output["end_logits"], strict=True
            )
            found = [self._best(*window) for window in windows]
            null = min(one[0] for one in found)
            score, start, end = max(one[1:] for one in found)
            there = score > null - self.config.null
            answers = [{"start": start, "end": end}] if there else []
            text = context[start:end] if there else ""
            items.append({"answer": text, "answers": answers, "score": float(score - null)})
        return items

    def _best(self, feature: Any, starts: Any, ends: Any) -> tuple[float, float, int, int]:
        """The score of no answer, and that of the best answer with its characters."""
        begins, stops = np.array(feature["keep_begin"]), np.array(feature["keep_end"])
        count = len(begins)
        scores = starts[:count, None] + ends[None, :count]
        size = np.arange(count) - np.arange(count)[:, None]
        allowed = (size >= 0) & (size < self.config.longest)
        allowed &= (begins >= 0)[:, None] & (begins >= 0)
        scores = np.where(allowed, scores, -np.inf)
        first, last = np.unravel_index(int(scores.argmax()), scores.shape)
        null = float(starts[0] + ends[0])
        return null, float(scores[first, last]), int(begins[first]), int(stops[last])

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Evaluation:
        rows = zip(predictions.items, predictions.examples, strict=True)
        pairs = [
            (item["answer"], [row["context"][one["start"] : one["end"]] for one in row["answers"]])
            for item, row in rows
        ]
        values = {
            "f1": [max(overlap(found, gold) for gold in golds or [""]) for found, golds in pairs],
            "exact": [float(found in (golds or [""])) for found, golds in pairs],
        }
        metrics = {}
        for name, given in values.items():
            each = np.array(given)
            interval = bootstrap_items(lambda rows, each=each: float(each[rows].mean()), len(each))
            metrics[name] = Metric(float(each.mean()), *interval)
        return Evaluation(metrics, "f1")


def overlap(found: str, gold: str) -> float:
    """The F1 of the words of two answers; of no answer 1 where the other is none too."""
    one, other = found.lower().split(), gold.lower().split()
    if not one or not other:
        return float(one == other)
    return 2 * sum((Counter(one) & Counter(other)).values()) / (len(one) + len(other))
