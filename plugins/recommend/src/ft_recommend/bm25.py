"""BM25 over the items' texts (Robertson & Zaragoza 2009)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+")
K1, B = 1.2, 0.75


class BM25:
    """An index of texts.

    Args:
        texts: the items' texts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        places: dict[str, int] = {}
        indices: list[int] = []
        starts = [0]
        for text in texts:
            words = WORD.findall(text.lower())
            indices.extend(places.setdefault(word, len(places)) for word in words)
            starts.append(len(indices))
        shape = (len(texts), max(1, len(places)))
        counts = sparse.csr_array((np.ones(len(indices)), indices, starts), shape=shape)
        counts.sum_duplicates()
        self._words = counts.copy()
        self._words.data[:] = 1
        lengths = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
        frequency = np.bincount(counts.indices, minlength=shape[1])
        idf = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5))
        norm = K1 * (1 - B + B * lengths / lengths.mean())
        rows = np.repeat(np.arange(len(texts)), np.diff(counts.indptr))
        weights = counts.copy()
        weights.data = idf[counts.indices] * counts.data * (K1 + 1) / (counts.data + norm[rows])
        self._weights = weights.tocsc()

    def scores(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of every item, (users, items), for queries of the distinct words of the items in
        each user's history.
        """
        queries = sparse.vstack(
            [
                sparse.csr_array(self._words[np.asarray(history, np.int64)].sum(0).reshape(1, -1))
                for history in histories
            ]
        ).tocsr()
        queries.data[:] = 1
        return np.asarray((queries @ self._weights.T).todense())
