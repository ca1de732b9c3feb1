"""The outputs of a sentence, one row a word, from those of its pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ft.data.tags.tags import OUTSIDE, split_tag


def by_word(
    features: Sequence[Mapping[str, Any]], arrays: Sequence[np.ndarray], labels: Sequence[str]
) -> np.ndarray:
    """The row of each word from the piece that it is read at.

    A mark without a piece of its own is read as the next word is, except that it begins no span
    where that word begins one: the scores of the tag and of ``O`` change places. Behind the last
    word with a piece it is read as that one, and outside likewise.

    Args:
        features: with ``word_ids``, and ``word_count``, the words of the sentence.
        arrays: an output of each feature, (pieces, ...).
        labels: the tags that the last dimension of ``logits`` stands for.

    Returns:
        (words, ...).
    """
    found: dict[int, np.ndarray] = {}
    for feature, array in zip(features, arrays, strict=True):
        for i, word in enumerate(feature["word_ids"]):
            if word >= 0:
                found[word] = array[i]
    count = features[0].get("word_count", 1 + max(found, default=-1))
    rows = np.zeros((count, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
    tagged = OUTSIDE in labels and rows.shape[1:] == (len(labels),)
    last = max(found, default=-1)
    near = last
    for word in reversed(range(count)):
        if word in found:
            near = word
        if near < 0:
            continue
        rows[word] = found[near]
        if word not in found and tagged:
            best = int(rows[word].argmax())
            if word > last or split_tag(labels[best])[0] == "B":
                pair = [best, labels.index(OUTSIDE)]
                rows[word, pair] = rows[word, pair[::-1]]
    return rows
