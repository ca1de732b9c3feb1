"""Rankings by shared words: BM25 and TF-IDF, beside the model and mixed with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+")
K1, B = 1.2, 0.75

Ranking = Callable[[Sequence[str]], np.ndarray]
"""Scores of every answer, (questions, answers)."""


class Words:
    """The words of the answers' texts.

    Args:
        texts: what stands for each answer.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._places: dict[str, int] = {}
        for text in texts:
            for word in WORD.findall(text.casefold()):
                self._places.setdefault(word, len(self._places))
        self._counts = self._count(texts)
        self._found = np.bincount(self._counts.indices, minlength=self._counts.shape[1])

    def _count(self, texts: Sequence[str]) -> sparse.csr_array:
        """(texts, words): how often each text has each word that an answer has."""
        indices: list[int] = []
        starts = [0]
        for text in texts:
            words = WORD.findall(text.casefold())
            indices += [self._places[word] for word in words if word in self._places]
            starts.append(len(indices))
        shape = (len(texts), max(1, len(self._places)))
        counts = sparse.csr_array((np.ones(len(indices)), indices, starts), shape=shape)
        counts.sum_duplicates()
        return counts

    def bm25(self) -> Ranking:
        """BM25 (Robertson & Zaragoza 2009)."""
        counts = self._counts.copy()
        number = counts.shape[0]
        lengths = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
        norm = K1 * (1 - B + B * lengths / lengths.mean())
        rows = np.repeat(np.arange(number), np.diff(counts.indptr))
        idf = np.log1p((number - self._found + 0.5) / (self._found + 0.5))
        counts.data = idf[counts.indices] * counts.data * (K1 + 1) / (counts.data + norm[rows])
        weights = counts.T.tocsr()

        def scores(questions: Sequence[str]) -> np.ndarray:
            asked = self._count(questions)
            asked.data[:] = 1
            return np.asarray((asked @ weights).todense())

        return scores

    def tf_idf(self) -> Ranking:
        """The cosine of TF-IDF vectors, with 1 + log of the counts (Salton & Buckley 1988)."""
        number = self._counts.shape[0]
        idf = np.log((1 + number) / (1 + self._found)) + 1

        def vectors(counts: sparse.csr_array) -> sparse.csr_array:
            made = counts.copy()
            made.data = (1 + np.log(made.data)) * idf[made.indices]
            lengths = np.sqrt(np.asarray(made.multiply(made).sum(1)).ravel())
            made.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(made.indptr))
            return made

        weights = vectors(self._counts).T.tocsr()

        def scores(questions: Sequence[str]) -> np.ndarray:
            return np.asarray((vectors(self._count(questions)) @ weights).todense())

        return scores
