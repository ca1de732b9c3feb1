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
    ids = [np.asarray(feature["word_ids"], dtype=np.int64) for feature in features]
    most = 1 + max((int(one.max(initial=-1)) for one in ids), default=-1)
    count = features[0].get("word_count", most)
    rows = np.zeros((count, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
    has = np.zeros(count, dtype=bool)
    for own, array in zip(ids, arrays, strict=True):
        begins = np.flatnonzero(own >= 0)
        rows[own[begins]] = array[begins]
        has[own[begins]] = True
    known = np.flatnonzero(has)
    tagged = OUTSIDE in labels and rows.shape[1:] == (len(labels),)
    for word in np.flatnonzero(~has) if len(known) else ():
        at = int(np.searchsorted(known, word))
        behind = at == len(known)
        rows[word] = rows[known[at - behind]]
        if tagged:
            best = int(rows[word].argmax())
            if behind or split_tag(labels[best])[0] == "B":
                pair = [best, labels.index(OUTSIDE)]
                rows[word, pair] = rows[word, pair[::-1]]
    return rows
