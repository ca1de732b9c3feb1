"""From the vector and the words of a question to its answers, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ft import BM25, Trained
from ft_answers.catalogue import Catalogue
from ft_answers.index import Index, best
from ft_answers.settings import AnswersConfig

DEPTH = 100
"""Answers of each ranking that are mixed."""

RANK = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""

ROWS = 256
"""Questions that are ranked by words at a time."""


@dataclass(frozen=True)
class Found:
    """What is found for one question.

    Attributes:
        numbers: of the answers, the best first.
        scores: by which they are ordered.
        score: the model's own of the first one, a cosine: whatever ordered them, it is comparable
            between questions, as the scores of a cross-encoder or of ranks are not.
    """

    numbers: list[int]
    scores: list[float]
    score: float


class Search:
    """Finds answers.

    Args:
        catalogue: the answers.
        index: of their vectors.
        config: the settings.
        reranker: a run of `rerank`.
    """

    def __init__(
        self, catalogue: Catalogue, index: Index, config: AnswersConfig, reranker: Trained | None
    ) -> None:
        self._catalogue = catalogue
        self.index = index
        self._top = config.top
        self._reranker = reranker
        self._candidates = max(config.top, config.rerank_top) if reranker else config.top
        self._words = BM25(documents(catalogue, config.match)) if config.mix == "bm25" else None

    def __call__(
        self, vectors: np.ndarray, questions: Sequence[str], rerank: bool = True
    ) -> list[Found]:
        """The answers of each question.

        Args:
            vectors: (questions, width) of length 1.
            questions: their texts.
            rerank: let the run of `rerank`, if there is one, order the best.
        """
        depth = DEPTH if self._words else self._candidates
        numbers, scores = self.index.search(vectors, max(depth, self._candidates))
        lists = [
            [(int(n), float(s)) for n, s in zip(*row, strict=True) if n >= 0]
            for row in zip(numbers, scores, strict=True)
        ]
        if self._words:
            lists = self._mixed(lists, questions)
        if self._reranker and rerank:
            lists = self._reranked(lists, questions)
        found = []
        for vector, ranked in zip(vectors, lists, strict=True):
            kept = ranked[: self._top]
            first = self.index.scores_of(vector, [kept[0][0]])
            found.append(Found([n for n, _ in kept], [s for _, s in kept], float(first[0])))
        return found

    def _mixed(
        self, lists: Sequence[list[tuple[int, float]]], questions: Sequence[str]
    ) -> list[list[tuple[int, float]]]:
        """Reciprocal rank fusion with BM25; of equals the one that the model ranks higher."""
        assert self._words is not None
        mixed = []
        for begin in range(0, len(questions), ROWS):
            part = slice(begin, begin + ROWS)
            order, scores = best(
                self._words.scores(questions[part]), min(DEPTH, len(self._catalogue))
            )
            for ranked, near, values in zip(lists[part], order, scores, strict=True):
                fused = {number: 1 / (RANK + k) for k, (number, _) in enumerate(ranked, 1)}
                # An answer without a word of the question has no rank.
                for k, number in enumerate(near[values > 0].tolist(), 1):
                    fused[number] = fused.get(number, 0.0) + 1 / (RANK + k)
                mixed.append(sorted(fused.items(), key=lambda pair: -pair[1]))
        return mixed

    def _reranked(
        self, lists: Sequence[list[tuple[int, float]]], questions: Sequence[str]
    ) -> list[list[tuple[int, float]]]:
        """The first of each list in the order of the cross-encoder, whatever the right answer is."""
        assert self._reranker is not None
        texts = [one.text for one in self._catalogue.answers]
        asked = [
            {
                "query": question,
                "candidates": [
                    {"id": str(n), "text": texts[n]} for n, _ in ranked[: self._candidates]
                ],
            }
            for question, ranked in zip(questions, lists, strict=True)
            if question.strip()
        ]
        told = iter(self._reranker.predict(asked))
        found = []
        for question, ranked in zip(questions, lists, strict=True):
            if question.strip():
                answer = next(told)
                pairs = zip(answer["items"], answer["scores"], strict=True)
                ranked = [(int(number), float(score)) for number, score in pairs]
            found.append(ranked)
        return found


def documents(catalogue: Catalogue, match: str) -> list[str]:
    """The words that stand for each answer: what its vectors are made of."""
    return ["\n".join(text for _, text in one) for one in catalogue.entries(match)]
