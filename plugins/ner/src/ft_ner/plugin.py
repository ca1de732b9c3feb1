"""The task plugin: named entities in sentences of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ft import (
    Evaluation,
    Plugin,
    Predictions,
    TaskData,
    WordsConfig,
    data_or_starter,
    hookimpl,
    read_words,
)
from ft_ner.decoding import allowed_transitions, choose_tags, entities
from ft_ner.example import write_example
from ft_ner.scoring import score, score_words


class NerConfig(WordsConfig):
    """Settings of the task ``ner``."""

    decoding: Literal["legal", "argmax"] = Field(
        "legal",
        description="legal: the likeliest sequence of tags that BIO2 allows; argmax: each word alone",
    )


class Ner(Plugin):
    """Finds named entities: words tagged in BIO2, scored strictly by entity."""

    Config: ClassVar[type[NerConfig]] = NerConfig
    config: NerConfig

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few sentences with names and places."""
        return dict(write_example(folder))

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        """Sentences with tags from CoNLL, JSONL, CSV, Parquet, a folder or the hub."""
        config = data_or_starter(self.config, run, self.name)
        return read_words(config, run, owner=self.name, need_train=not run.restored)

    @hookimpl
    def decode(
        self,
        run: Any,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> list[dict[str, Any]]:
        """Tags, their probabilities, and the entities with words or character offsets."""
        words = run.data.schema.words
        tokens = examples[words.tokens]
        legal = self.config.decoding == "legal" and words.scheme == "BIO2"
        allowed = allowed_transitions(words.labels) if legal else None
        found = []
        for output, sentence in zip(outputs, tokens, strict=True):
            tags, scores = [], np.zeros(0)
            if sentence:
                chosen, probabilities = choose_tags(output["logits"], allowed)
                tags = [words.labels[i] for i in chosen]
                scores = probabilities[np.arange(len(chosen)), chosen]
            found.append({"tags": tags, "scores": scores.astype(float).round(6).tolist()})
        if words.scheme != "BIO2":
            return found
        nothing = [None] * len(tokens)
        texts, offsets = examples.get("text", nothing), examples.get("offsets", nothing)
        return [
            {**item, "entities": entities(item["tags"], item["scores"], *columns)}
            for item, *columns in zip(found, tokens, texts, offsets, strict=True)
        ]

    @hookimpl
    def evaluate(self, run: Any, predictions: Predictions) -> Evaluation:
        """Strict precision, recall and F1 by entity, per type, and the table by tag.

        Plain tags, which mark no spans, are scored word by word.
        """
        words = predictions.schema.words
        assert words is not None
        assert words.tags is not None
        gold = list(predictions.examples[words.tags])
        found = [item["tags"] for item in predictions.items]
        return score(gold, found) if words.scheme == "BIO2" else score_words(gold, found)
