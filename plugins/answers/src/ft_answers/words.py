"""The ranking by TF-IDF vectors that the model is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

Ranking = Callable[[Sequence[str]], np.ndarray]
"""Scores of every answer, (questions, answers)."""


def tf_idf(texts: Sequence[str]) -> Ranking:
    """The cosine of TF-IDF vectors, with 1 + log of the counts (Salton & Buckley 1988).

    Args:
        texts: what stands for each answer.
    """
    vectors = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True)
    if not any(map(vectors.build_analyzer(), texts)):
        return lambda questions: np.zeros((len(questions), len(texts)))
    weights = vectors.fit_transform(texts).T.tocsr()
    return lambda questions: np.asarray((vectors.transform(questions) @ weights).todense())
