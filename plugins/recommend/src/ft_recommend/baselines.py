"""What the model is measured against, on the same split: popularity, BM25, the frozen encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ft import BM25, Metric
from ft_recommend.ranking import chunks
from ft_recommend.scoring import judge, summarise

if TYPE_CHECKING:
    from datasets import Dataset

LATEST = 10
"""Items of the history that BM25 and the cosine read."""

Scores = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Scores of every item, (users, items), from the users' histories, the latest item last."""


def popularity(counts: np.ndarray) -> Scores:
    """How often each item is liked, for everybody."""
    return lambda histories: np.broadcast_to(counts.astype(float), (len(histories), len(counts)))


def bm25(texts: Sequence[str]) -> Scores:
    """BM25 of the words of the last ten items' texts."""
    index = BM25(texts)
    return lambda histories: index.scores(
        [" ".join(texts[int(item)] for item in history[-LATEST:]) for history in histories]
    )


def cosine(vectors: np.ndarray) -> Scores:
    """Cosine with the mean of the last ten items' vectors, (items, hidden), of length one."""

    def scores(histories: Sequence[np.ndarray]) -> np.ndarray:
        means = np.stack([vectors[history[-LATEST:]].mean(0) for history in histories])
        return np.asarray(means @ vectors.T)

    return scores


def measure(
    baselines: Mapping[str, Scores],
    examples: Dataset,
    cold: np.ndarray,
    *,
    top: int,
    exclude: bool,
    seed: int,
) -> dict[str, dict[str, Metric]]:
    """The metrics of each baseline on the examples of a split."""
    targets = list(examples["item"])
    users = list(examples["user"])
    results: dict[str, dict[str, Metric]] = {}
    for name, scorer in baselines.items():
        judged: list[dict[str, Any]] = []
        for chunk in chunks(len(examples), len(cold)):
            rows = examples[chunk.tolist()]
            histories = [np.asarray(history, np.int64) for history in rows["history"]]
            for scores, target, seen in zip(
                scorer(histories), rows["item"], rows["seen"], strict=True
            ):
                judged.append(judge(scores, target, seen, cold, top=top, exclude=exclude))
        assert len(judged) == len(targets)
        results[name] = summarise(judged, users, top=top, items=len(cold), seed=seed)
    return results


def key_of(examples: Dataset) -> str:
    """What a split asks, as a hash: the same users and items give the same."""
    text = "\x1f".join(
        f"{user}\x1e{item}" for user, item in zip(examples["user"], examples["item"], strict=True)
    )
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
