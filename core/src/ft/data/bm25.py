"""The ranking by shared words that search is compared with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\w+")
K1, B = 1.2, 0.75


class BM25:
    """Scores texts for queries by the words that they share, whatever their case.

    Robertson & Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond; k1 is 1.2 and b .75.

    Args:
        texts: what is searched, at least one; rare words are told from common ones by all of them.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        lengths = np.ones(len(texts))
        found: dict[str, tuple[list[int], list[int]]] = {}
        for row, text in enumerate(texts):
            words = WORD.findall(text.casefold())
            lengths[row] = max(1, len(words))
            for word, count in Counter(words).items():
                rows, counts = found.setdefault(word, ([], []))
                rows.append(row)
                counts.append(count)
        norm = K1 * (1 - B + B * lengths / lengths.mean())
        self._weights: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for word, (rows, counts) in found.items():
            where, times = np.array(rows), np.array(counts, dtype=float)
            idf = np.log1p((len(texts) - len(rows) + 0.5) / (len(rows) + 0.5))
            self._weights[word] = where, idf * times * (K1 + 1) / (times + norm[where])

    def scores(self, queries: Sequence[str], begin: int = 0, end: int | None = None) -> np.ndarray:
        """The scores of texts for queries; 0 where they share no word.

        Args:
            queries: texts, whose words count once each.
            begin: the first of the texts that are scored.
            end: behind the last of them; all by default.

        Returns:
            (queries, texts), float64.
        """
        end = self._size if end is None else end
        scores = np.zeros((len(queries), end - begin))
        for row, query in zip(scores, queries, strict=True):
            for word in set(WORD.findall(query.casefold())) & self._weights.keys():
                where, weights = self._weights[word]
                part = slice(*np.searchsorted(where, (begin, end)))
                row[where[part] - begin] += weights[part]
        return scores
