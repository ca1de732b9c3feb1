"""The nearest answers of a question: by exact product, or by faiss where there are very many."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

CELLS = 1 << 25
"""Products that are held at a time."""

SAMPLE = 100
"""Entries that tell how much of the exact ranking faiss finds."""


class Index:
    """The vectors that stand for each answer; its score is that of the nearest of them.

    Args:
        vectors: (entries, width) of length 1, those of an answer beside each other.
        sizes: how many stand for each answer, one at least.
        exact_up_to: entries that are searched by exact product; beyond, by faiss if it is there.

    Attributes:
        note: what was decided, where there are more than that.
    """

    def __init__(self, vectors: np.ndarray, sizes: Sequence[int], exact_up_to: int) -> None:
        self._vectors = vectors
        self._sizes = np.asarray(sizes)
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)[:-1]]).astype(np.int64)
        self._near: Any = None
        self.note: str | None = None
        if len(vectors) > exact_up_to:
            self._approximate()

    def __len__(self) -> int:
        """How many answers there are."""
        return len(self._starts)

    def _approximate(self) -> None:
        entries = len(self._vectors)
        if find_spec("faiss") is None:
            self.note = (
                f"{entries:,} vectors are searched by exact product: faiss, which is faster, is not "
                "there (pip install 'ft-answers[faiss]')"
            )
            return
        import faiss  # type: ignore[import-not-found, unused-ignore]

        near = faiss.IndexHNSWFlat(self._vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        near.hnsw.efConstruction, near.hnsw.efSearch = 200, 128
        near.add(np.ascontiguousarray(self._vectors, np.float32))
        self._owner = np.repeat(np.arange(len(self)), self._sizes)
        asked = self._vectors[:: max(1, entries // SAMPLE)][:SAMPLE]
        exact, _ = self.search(asked, 10)
        self._near = near
        found, _ = self.search(asked, 10)
        same = np.mean(
            [
                len(set(a) & set(b) - {-1}) / len(set(b) - {-1})
                for a, b in zip(found, exact, strict=True)
            ]
        )
        self.note = (
            f"{entries:,} vectors are searched by faiss (HNSW); it finds {same:.1%} of the exact first "
            f"{min(10, len(self))} of {len(asked)} of them"
        )

    def search(self, questions: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """The best answers of each question, the first of equals first.

        Returns:
            (questions, depth) numbers of answers and their scores; -1 and -inf where there are fewer.
        """
        depth = min(depth, len(self))
        numbers = np.full((len(questions), depth), -1, np.int64)
        scores = np.full((len(questions), depth), -np.inf, np.float32)
        if self._near is not None:
            self._search_near(questions, numbers, scores)
            return numbers, scores
        rows = max(1, CELLS // len(self._vectors))
        for begin in range(0, len(questions), rows):
            part = slice(begin, begin + rows)
            every = self.all_scores(questions[part])
            numbers[part], scores[part] = best(every, depth)
        return numbers, scores

    def all_scores(self, questions: np.ndarray) -> np.ndarray:
        """(questions, answers) the score of every answer, by exact product."""
        return np.maximum.reduceat(questions @ self._vectors.T, self._starts, axis=1)

    def scores_of(self, question: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        """(numbers,) the scores of some answers of one question, by exact product."""
        parts = [slice(self._starts[n], self._starts[n] + self._sizes[n]) for n in numbers]
        return np.array([np.max(self._vectors[part] @ question) for part in parts], np.float32)

    def _search_near(self, questions: np.ndarray, numbers: np.ndarray, scores: np.ndarray) -> None:
        depth = numbers.shape[1]
        # Several entries of one answer may be among the nearest.
        several = int(min(len(self._vectors), depth * min(4, max(1, self._sizes.max()))))
        found, entries = self._near.search(np.ascontiguousarray(questions, np.float32), several)
        for row, (values, places) in enumerate(zip(found, entries, strict=True)):
            seen: dict[int, float] = {}
            for value, place in zip(values.tolist(), places.tolist(), strict=True):
                if place >= 0:
                    seen.setdefault(int(self._owner[place]), value)
            kept = list(seen.items())[:depth]
            numbers[row, : len(kept)] = [number for number, _ in kept]
            scores[row, : len(kept)] = [value for _, value in kept]


def best(scores: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns with the highest scores of each row, the first of equals first, and the scores."""
    if depth < scores.shape[1]:
        edge = -np.partition(-scores, depth - 1, axis=1)[:, depth - 1 : depth]
        order = np.empty((len(scores), depth), np.int64)
        for row, values in enumerate(scores):
            near = np.flatnonzero(values >= edge[row])
            order[row] = near[np.argsort(-values[near], kind="stable")][:depth]
    else:
        order = np.argsort(-scores, axis=1, kind="stable")
    return order, np.take_along_axis(scores, order, axis=1)
