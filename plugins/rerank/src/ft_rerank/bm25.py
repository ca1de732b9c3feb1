"""BM25 (Robertson & Zaragoza 2009), the ranking that the model is compared with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log1p

WORD = re.compile(r"\w+")
K1, B = 1.2, 0.75


class BM25:
    """Scores texts for a query by the words that they share.

    Args:
        texts: all texts of a split, from which rare words are told from common ones.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        words = [WORD.findall(text.lower()) for text in texts]
        found = Counter(word for one in words for word in set(one))
        self.mean = max(1.0, sum(map(len, words)) / max(1, len(words)))
        self.idf = {
            word: log1p((len(texts) - count + 0.5) / (count + 0.5)) for word, count in found.items()
        }

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """A score for each text; higher is better."""
        asked = set(WORD.findall(query.lower()))
        scores = []
        for text in texts:
            words = WORD.findall(text.lower())
            norm = K1 * (1 - B + B * len(words) / self.mean)
            counts = Counter(word for word in words if word in asked)
            scores.append(
                sum(self.idf.get(w, 0.0) * n * (K1 + 1) / (n + norm) for w, n in counts.items())
            )
        return scores
