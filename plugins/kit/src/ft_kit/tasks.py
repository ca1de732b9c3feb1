"""Small tasks in memory, for a technique's author: words with tags, texts, texts to write, images."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ft.contract.plugin import Config, Plugin, hookimpl
from ft.contract.results import Evaluation, Loss, Metric, Predictions
from ft.contract.schema import SPLITS, Label, Schema, Target, TaskData, Text, Words
from ft_kit.models import PATCH, SIDE

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor, nn

    from ft.contract.run import Run

PEOPLE = ("anna", "ben", "clara", "dora")
PLACES = ("london", "paris", "rome")
OTHER = ("went", "to", "the", "and", "saw", "a", "house", "in", "with")
VOCABULARY = PEOPLE + PLACES + OTHER
"""The words that the tasks use; `ft_kit.tiny_bert` should know them."""

Row = dict[str, Any]


class SizeConfig(Config):
    """How many examples there are."""

    train: int = Field(24, gt=0, description="training examples")
    validation: int = Field(6, ge=0, description="validation examples")
    test: int = Field(6, ge=0, description="test examples")
    longest: int = Field(10, gt=1, description="words of an example at most")


def sentence(rng: random.Random, longest: int) -> list[str]:
    """Two words at least, at random."""
    return rng.choices(VOCABULARY, k=rng.randint(2, longest))


def dataset(rows: list[Row]) -> Dataset:
    """Rows as a dataset, with a fingerprint that takes less time than that of ``Dataset.from_list``."""
    import pyarrow as pa
    from datasets import Dataset as Made
    from datasets.table import InMemoryTable

    known = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
    return Made(InMemoryTable(pa.Table.from_pylist(rows)), fingerprint=known)


class InMemory(Plugin):
    """Makes the same examples in every run, whatever its seed."""

    Config: ClassVar[type[Config]] = SizeConfig
    config: SizeConfig
    schema: ClassVar[Schema]
    target: ClassVar[str]
    answer: ClassVar[str] = "label"

    def row(self, rng: random.Random) -> Row:
        """An example."""
        raise NotImplementedError

    def _splits(self) -> Iterator[tuple[str, list[Row]]]:
        rng = random.Random(type(self).__name__)
        for split in SPLITS:
            yield split, [self.row(rng) for _ in range(getattr(self.config, split))]

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """The splits that have any examples."""
        from datasets import DatasetDict

        splits = {split: dataset(rows) for split, rows in self._splits() if rows}
        return TaskData(DatasetDict(splits), self.schema)

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """The share of the targets that are right."""
        pairs: list[tuple[Any, Any]] = []
        for gold, item in zip(predictions.examples[self.target], predictions.items, strict=True):
            if isinstance(gold, list):
                pairs += zip(gold, item[self.answer], strict=True)
            else:
                pairs.append((gold, item[self.answer]))
        right = sum(gold == found for gold, found in pairs)
        return Evaluation({"accuracy": Metric(right / max(1, len(pairs)))}, "accuracy")


class WordsTask(InMemory):
    """Words with tags: people and places."""

    name = "kit-words"
    schema = Schema(words=Words(labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER")))
    target = answer = "tags"

    def row(self, rng: random.Random) -> Row:
        """A sentence whose people and places are tagged."""
        tokens = sentence(rng, self.config.longest)
        tags = ["B-PER" if w in PEOPLE else "B-LOC" if w in PLACES else "O" for w in tokens]
        return {"tokens": tokens, "tags": tags}


class TextsTask(InMemory):
    """Texts with a label: whether a place is mentioned."""

    name = "kit-texts"
    schema = Schema(texts=(Text("text"),), label=Label(names=("no", "yes")))
    target = "label"

    def row(self, rng: random.Random) -> Row:
        """A text with its label."""
        words = sentence(rng, self.config.longest)
        return {"text": " ".join(words), "label": "yes" if set(words) & set(PLACES) else "no"}


class PairTask(InMemory):
    """Pairs of texts with a label: whether they share a word."""

    name = "kit-pair"
    schema = Schema(
        texts=(Text("question"), Text("answer")), label=Label("match", names=("no", "yes"))
    )
    target = "match"

    def row(self, rng: random.Random) -> Row:
        """Two texts with their label."""
        one, other = (sentence(rng, self.config.longest // 2 + 1) for _ in range(2))
        match = "yes" if set(one) & set(other) else "no"
        return {"question": " ".join(one), "answer": " ".join(other), "match": match}


class WriteTask(InMemory):
    """Texts for which another is written: the people of the text in reverse order."""

    name = "kit-write"
    schema = Schema(texts=(Text("source"),), targets=(Target("target", kind="text"),))
    target = answer = "target"
    families = ("encoder-decoder",)

    def row(self, rng: random.Random) -> Row:
        """A text and what is to be written for it."""
        words = sentence(rng, self.config.longest)
        people = [word for word in reversed(words) if word in PEOPLE] or ["a", "house"]
        return {"source": " ".join(words), "target": " ".join(people)}

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The pre-trained model, whose head writes already."""
        import torch
        from transformers import AutoModelForSeq2SeqLM

        loader = AutoModelForSeq2SeqLM.from_pretrained
        model: nn.Module = run.load(loader, "model", dtype=torch.float32)
        return model

    @hookimpl
    def encode(self, run: Run, examples: Mapping[str, list[Any]], training: bool) -> Any:
        """The ids of both texts."""

        def ids(texts: list[str]) -> Any:
            return run.tokenizer(texts, truncation=True, max_length=run.max_length)["input_ids"]

        features = {"input_ids": ids(list(examples["source"]))}
        if "target" in examples:
            features["labels"] = ids(list(examples["target"]))
        return features

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """A pass that is given the target, from which its decoder reads."""
        return run.loss_of({"logits": model(**batch).logits}, batch)

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """Cross entropy over the tokens of the target."""
        from torch.nn.functional import cross_entropy

        logits, labels = outputs["logits"].float(), batch["labels"]
        each = cross_entropy(logits.transpose(1, 2), labels, reduction="none")
        return Loss(each.sum(), (labels != -100).sum(), outputs, each=each)

    @hookimpl
    def infer(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Any:
        """The likeliest token after the other."""
        writer: Any = model
        text = {name: batch[name] for name in ("input_ids", "attention_mask")}
        return {"ids": writer.generate(**text, max_new_tokens=6, num_beams=1, do_sample=False)}

    @hookimpl
    def decode(self, run: Run, outputs: Sequence[Mapping[str, Any]], examples: Any) -> Any:
        """The text that was written."""
        ids = [output["ids"][0] if "ids" in output else [] for output in outputs]
        return [{"target": run.tokenizer.decode(one, skip_special_tokens=True)} for one in ids]


class ImagesTask(InMemory):
    """Images with a label: whether the upper half is the brighter one."""

    name = "kit-images"
    schema = Schema(images=("image",), label=Label(names=("no", "yes")))
    target = "label"
    families = ("image", "convnet")

    def row(self, rng: random.Random) -> Row:
        """An image as numbers, (3, height, width), and its label."""
        upper, lower = rng.random(), rng.random()
        rows = [upper] * (SIDE // 2) + [lower] * (SIDE // 2)
        image = [[[value + 0.1 * rng.random() for _ in range(SIDE)] for value in rows]] * 3
        return {"image": image, "label": "yes" if upper > lower else "no"}

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The pre-trained model with a head of two classes."""
        import torch
        from transformers import AutoModelForImageClassification

        more = {} if run.restored else {"num_labels": 2, "ignore_mismatched_sizes": True}
        loader = AutoModelForImageClassification.from_pretrained
        model: nn.Module = run.load(loader, "model", dtype=torch.float32, **more)
        return model

    @hookimpl
    def encode(self, run: Run, examples: Mapping[str, list[Any]], training: bool) -> Any:
        """The numbers as they are; an image counts as many tokens as it has patches."""
        import numpy as np

        images = [np.asarray(image, dtype=np.float32) for image in examples["image"]]
        features: dict[str, list[Any]] = {
            "pixel_values": images,
            "length": [(SIDE // PATCH) ** 2] * len(images),
        }
        if "label" in examples:
            features["labels"] = [int(label == "yes") for label in examples["label"]]
        return features
