"""Small tasks in memory, for a technique's author: words with tags, labelled texts, pairs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ft.contract.plugin import Config, Plugin, hookimpl
from ft.contract.results import Evaluation, Metric, Predictions
from ft.contract.schema import SPLITS, Label, Schema, TaskData, Text, Words

if TYPE_CHECKING:
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


class _InMemory(Plugin):
    """Makes the same examples in every run, whatever its seed."""

    Config: ClassVar[type[Config]] = SizeConfig
    config: SizeConfig
    schema: ClassVar[Schema]
    target: ClassVar[str]

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
        from datasets import Dataset, DatasetDict

        splits = {split: Dataset.from_list(rows) for split, rows in self._splits() if rows}
        return TaskData(DatasetDict(splits), self.schema)

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """The share of the targets that are right."""
        pairs: list[tuple[Any, Any]] = []
        key = "tags" if predictions.schema.words else "label"
        for gold, item in zip(predictions.examples[self.target], predictions.items, strict=True):
            if isinstance(gold, list):
                pairs += zip(gold, item[key], strict=True)
            else:
                pairs.append((gold, item[key]))
        right = sum(gold == found for gold, found in pairs)
        return Evaluation({"accuracy": Metric(right / max(1, len(pairs)))}, "accuracy")


class WordsTask(_InMemory):
    """Words with tags: people and places."""

    name = "kit-words"
    schema = Schema(words=Words(labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER")))
    target = "tags"

    def row(self, rng: random.Random) -> Row:
        """A sentence whose people and places are tagged."""
        tokens = sentence(rng, self.config.longest)
        tags = ["B-PER" if w in PEOPLE else "B-LOC" if w in PLACES else "O" for w in tokens]
        return {"tokens": tokens, "tags": tags}


class TextsTask(_InMemory):
    """Texts with a label: whether a place is mentioned."""

    name = "kit-texts"
    schema = Schema(texts=(Text("text"),), label=Label(names=("no", "yes")))
    target = "label"

    def row(self, rng: random.Random) -> Row:
        """A text with its label."""
        words = sentence(rng, self.config.longest)
        return {"text": " ".join(words), "label": "yes" if set(words) & set(PLACES) else "no"}


class PairTask(_InMemory):
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
