"""The task plugin: named entities in sentences of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from ft_ner.decoding import constrained_tags, entities
from ft_ner.scoring import score


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

    @hookimpl
    def load_data(self, run: Any) -> TaskData:
        """Sentences with tags from CoNLL, JSONL, CSV, Parquet, a folder or the hub."""
        config = data_or_starter(self.config, run, self.name)
        return read_words(config, run, owner=self.name)

    @hookimpl
    def decode(
        self,
        run: Any,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> list[dict[str, Any]]:
        """Tags, their probabilities, and the entities with words or character offsets."""
        words = run.data.schema.words
        legal = self.config.decoding == "legal" and words.scheme == "BIO2"
        tokens = examples[words.tokens]
        texts = examples.get("text", [None] * len(tokens))
        offsets = examples.get("offsets", [None] * len(tokens))
        return [
            self._sentence(output, words.labels, legal, *columns)
            for output, *columns in zip(outputs, tokens, texts, offsets, strict=True)
        ]

    @staticmethod
    def _sentence(
        output: Mapping[str, Any],
        labels: Sequence[str],
        legal: bool,
        tokens: Sequence[str],
        text: str | None,
        offsets: Sequence[Sequence[int]] | None,
    ) -> dict[str, Any]:
        if not tokens:
            return {"tags": [], "scores": [], "entities": []}
        chosen, probabilities = constrained_tags(output["logits"], labels, legal)
        tags = [labels[i] for i in chosen]
        scores = probabilities[np.arange(len(chosen)), chosen]
        return {
            "tags": tags,
            "scores": [round(float(score), 6) for score in scores],
            "entities": entities(tags, scores, tokens, text, offsets),
        }

    @hookimpl
    def evaluate(self, run: Any, predictions: Predictions) -> Evaluation:
        """Strict precision, recall and F1 by entity, per type, and the table by tag."""
        words = predictions.schema.words
        assert words is not None
        assert words.tags is not None
        gold = predictions.examples[words.tags]
        return score(list(gold), [item["tags"] for item in predictions.items])
