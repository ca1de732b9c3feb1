"""Small tasks in memory, for tests of the core: words with tags, and labelled texts."""

from __future__ import annotations

import random
from typing import Any

from ft import (
    Config,
    Evaluation,
    Label,
    Metric,
    Plugin,
    Predictions,
    Schema,
    TaskData,
    Text,
    Words,
    hookimpl,
)

NAMES = ["anna", "ben", "clara", "dora"]
PLACES = ["london", "paris", "rome"]
OTHER = ["went", "to", "the", "and", "saw", "a", "house", "in", "with"]
VOCABULARY = NAMES + PLACES + OTHER


class SizeConfig(Config):
    """How many examples each split has."""

    train: int = 48
    validation: int = 12
    test: int = 12
    longest: int = 12


def sentence(rng: random.Random, longest: int) -> tuple[list[str], list[str]]:
    tokens, tags = [], []
    for _ in range(rng.randint(1, longest)):
        word = rng.choice(VOCABULARY)
        tokens.append(word)
        tags.append("B-PER" if word in NAMES else "B-LOC" if word in PLACES else "O")
    return tokens, tags


class WordsTask(Plugin):
    """Tags names and places."""

    name = "words"
    Config = SizeConfig

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        from datasets import Dataset, DatasetDict

        rng = random.Random(1)
        splits = {}
        for split in ("train", "validation", "test"):
            pairs = [sentence(rng, self.config.longest) for _ in range(getattr(self.config, split))]
            if pairs:
                splits[split] = Dataset.from_dict(
                    {"tokens": [t for t, _ in pairs], "tags": [t for _, t in pairs]}
                )
        schema = Schema(words=Words(labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER")))
        return TaskData(DatasetDict(splits), schema)

    @hookimpl
    def evaluate(self, run: Any, predictions: Predictions) -> Evaluation:
        gold = [tag for tags in predictions.examples["tags"] for tag in tags]
        found = [tag for item in predictions.items for tag in item["tags"]]
        assert len(gold) == len(found)
        right = sum(a == b for a, b in zip(gold, found, strict=True))
        return Evaluation({"accuracy": Metric(right / len(gold))}, "accuracy")


class TextTask(Plugin):
    """Says whether a text mentions a place."""

    name = "texts"
    Config = SizeConfig

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        from datasets import Dataset, DatasetDict

        rng = random.Random(2)
        splits = {}
        for split in ("train", "validation", "test"):
            texts = [
                " ".join(sentence(rng, self.config.longest)[0])
                for _ in range(getattr(self.config, split))
            ]
            labels = ["yes" if set(text.split()) & set(PLACES) else "no" for text in texts]
            if texts:
                splits[split] = Dataset.from_dict({"text": texts, "label": labels})
        schema = Schema(texts=(Text("text"),), label=Label(names=("no", "yes")))
        return TaskData(DatasetDict(splits), schema)

    @hookimpl
    def evaluate(self, run: Any, predictions: Predictions) -> Evaluation:
        gold = predictions.examples["label"]
        right = [item["label"] == g for item, g in zip(predictions.items, gold, strict=True)]
        return Evaluation({"accuracy": Metric(sum(right) / len(right))}, "accuracy")
