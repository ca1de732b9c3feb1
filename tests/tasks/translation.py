"""Sequence to sequence: a model of an encoder and a decoder that writes a text, by beam search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from transformers import AutoModelForSeq2SeqLM

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


class Translation(ft.Plugin):
    """Translates a text."""

    name = "translation"
    families = ("encoder-decoder",)

    class Config(ft.DataConfig):
        beams: int = Field(4, gt=0, description="hypotheses kept at each step of the search")
        longest: int = Field(32, gt=0, description="tokens of a translation at most")

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        pairs = [("a", "one"), ("house", "home"), ("paris", "rome"), ("went", "saw")]
        lines = []
        for i in range(36):
            chosen = [pairs[i % 4], pairs[i // 4 % 4], pairs[i // 7 % 4]][: 1 + i % 3]
            source, target = (" ".join(words) for words in zip(*chosen, strict=True))
            lines.append(json.dumps({"source": source, "target": target}))
        (folder / "pairs.jsonl").write_text("\n".join(lines))
        return {"train": str(folder / "pairs.jsonl"), "beams": 2, "longest": 6}

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        data = read_split_tables(
            self.config, owner=self.name, run=run, columns=("source", "target")
        )
        schema = Schema(texts=(Text("source"),), targets=(Target("target", kind="text"),))
        return TaskData(data.splits, schema, data.files, data.notes)

    @hookimpl
    def build_head(self, run: Any, data: TaskData) -> Any:
        return run.load(AutoModelForSeq2SeqLM.from_pretrained, "model", dtype=torch.float32)

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> dict[str, list[Any]]:
        def ids(texts: list[str], most: int) -> list[list[int]]:
            return run.tokenizer(list(texts), truncation=True, max_length=most)["input_ids"]

        features = {"input_ids": ids(examples["source"], run.max_length)}
        if "target" in examples:
            features["labels"] = ids(examples["target"], self.config.longest)
        return features

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> ft.Loss:
        outputs = model(**batch)
        return run.loss_of({"logits": outputs.logits}, batch)

    @hookimpl
    def loss_of(self, run: Any, outputs: Any, batch: Any) -> ft.Loss:
        logits, labels = outputs["logits"].float(), batch["labels"]
        each = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), labels, ignore_index=-100, reduction="none"
        )
        return ft.Loss(each.sum(), (labels != -100).sum(), outputs, each=each)

    @hookimpl
    def infer(self, run: Any, model: Any, batch: Any) -> dict[str, Any]:
        text = {name: batch[name] for name in ("input_ids", "attention_mask")}
        config = self.config
        ids = model.generate(
            **text, num_beams=config.beams, max_new_tokens=config.longest, do_sample=False
        )
        return {"ids": ids}

    @hookimpl
    def decode(self, run: Any, outputs: Any, examples: Any) -> list[dict[str, Any]]:
        ids = [one["ids"][0] if "ids" in one else [] for one in outputs]
        texts = [run.tokenizer.decode(one, skip_special_tokens=True) for one in ids]
        return [{"target": text} for text in texts]

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Evaluation:
        gold = predictions.examples["target"]
        pairs = [
            (item["target"].split(), text.split())
            for item, text in zip(predictions.items, gold, strict=True)
        ]
        right = np.array([sum(w in found for w in text) / len(text) for found, text in pairs])
        exact = np.array([float(found == text) for found, text in pairs])
        metrics = {"words": self._metric(right), "exact": self._metric(exact)}
        return Evaluation(metrics, "words")

    def _metric(self, values: Any) -> Metric:
        interval = bootstrap_items(lambda rows: float(values[rows].mean()), len(values))
        return Metric(float(values.mean()), *interval)
