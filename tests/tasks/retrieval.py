"""Question to answer: one encoder for both, told apart from the other answers of the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional
from transformers import AutoModel

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


class Retrieval(ft.Plugin):
    """Finds the answers to a question among all that it knows (Karpukhin et al. 2020)."""

    name = "retrieval"
    whole_batch = True

    class Config(ft.DataConfig):
        scale: float = Field(20.0, gt=0, description="factor on the cosine in the loss")
        top: int = Field(10, gt=0, description="answers that are given")

    def forwards(self, inner: int) -> int:
        return 2 * inner  # a pass over the questions, and one over the answers

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        columns = ("question", "answer")
        data = read_split_tables(self.config, owner=self.name, run=run, columns=columns)
        answers = sorted({text for rows in data.splits.values() for text in rows["answer"]})
        schema = Schema(
            texts=(Text("question"),),
            targets=(Target("answer", kind="text"),),
            extra={"answers": answers},
        )
        return TaskData(data.splits, schema, data.files, data.notes, data.read)

    @hookimpl
    def build_head(self, run: Any, data: TaskData) -> Any:
        return run.load(AutoModel.from_pretrained, "model", dtype=torch.float32)

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> dict[str, list[Any]]:
        def ids(texts: Any) -> Any:
            cut = {"truncation": True, "max_length": run.max_length}
            return run.tokenizer(list(texts), **cut)["input_ids"]

        features = {"input_ids": ids(examples["question"])}
        if "answer" in examples:
            known = {text: i for i, text in enumerate(run.data.schema.extra["answers"])}
            pairs = zip(examples["answer"], examples["example_id"], strict=True)
            features["answer_input_ids"] = ids(examples["answer"])
            features["keep_answer"] = [known.get(text, -1 - i) for text, i in pairs]
        return features

    def _vectors(self, model: Any, ids: Any, mask: Any) -> Any:
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        return functional.normalize((hidden * mask[..., None]).sum(1), dim=-1)

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> ft.Loss:
        outputs = {
            name: self._vectors(model, batch[f"{of}input_ids"], batch[f"{of}attention_mask"])
            for name, of in (("question", ""), ("answer", "answer_"))
        }
        return run.loss_of(outputs, batch)

    @hookimpl
    def loss_of(self, run: Any, outputs: Any, batch: Any) -> ft.Loss:
        scores = self.config.scale * outputs["question"] @ outputs["answer"].T
        aims = torch.arange(len(scores), device=scores.device)
        # The same answer to another question is not a wrong one.
        same = batch["keep_answer"][:, None] == batch["keep_answer"]
        scores = scores.masked_fill(same & (aims[:, None] != aims), float("-inf"))
        each = functional.cross_entropy(scores, aims, reduction="none")
        return ft.Loss(each.sum(), float(len(each)), outputs, each=each)

    @hookimpl
    def infer(self, run: Any, model: Any, batch: Any) -> dict[str, Any]:
        return {"vector": self._vectors(model, batch["input_ids"], batch["attention_mask"])}

    @hookimpl
    def decode(self, run: Any, outputs: Any, examples: Any) -> list[dict[str, Any]]:
        answers, parts = run.data.schema.extra["answers"], []
        for begin in range(0, len(answers), 64):
            cut = {"truncation": True, "max_length": run.max_length, "padding": True}
            texts = run.tokenizer(answers[begin : begin + 64], return_tensors="pt", **cut)
            texts = texts.to(run.device)
            parts.append(self._vectors(run.model, texts["input_ids"], texts["attention_mask"]))
        scores = np.stack([one["vector"][0] for one in outputs]) @ torch.cat(parts).cpu().numpy().T
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.config.top]
        return [
            {
                "answer": answers[order[0]],
                "answers": [{"answer": answers[i], "score": float(row[i])} for i in order],
            }
            for order, row in zip(best, scores, strict=True)
        ]

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Evaluation:
        gold = predictions.examples["answer"]
        places = [
            [one["answer"] for one in item["answers"]].index(text) + 1
            if any(one["answer"] == text for one in item["answers"])
            else np.inf
            for item, text in zip(predictions.items, gold, strict=True)
        ]
        values = {"mrr": 1 / np.array(places), "first": (np.array(places) == 1).astype(float)}
        metrics = {}
        for name, each in values.items():
            interval = bootstrap_items(lambda rows, each=each: float(each[rows].mean()), len(each))
            metrics[name] = Metric(float(each.mean()), *interval)
        return Evaluation(metrics, "mrr")
