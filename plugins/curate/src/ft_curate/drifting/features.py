"""What is compared of texts: lengths, pieces, what the model answers, the encoder's vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ft import tags
from ft_curate.opened import Opened, Row
from ft_curate.vectors import Encoder

WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]|\w+?(?=[\u3040-\u9fff]|\b)"
)
"""A run of letters and digits; of scripts without blanks each character."""


@dataclass(frozen=True)
class Features:
    """What is compared of texts.

    Attributes:
        numbers: by name, one a text: (texts,).
        labels: how often the model gives each label: (texts, labels); ``None`` where it has none.
        names: of the labels.
        vectors: (texts, dimensions); ``None`` where there is no encoder.
        skipped: what is not compared, and why.
    """

    numbers: dict[str, np.ndarray]
    labels: np.ndarray | None
    names: tuple[str, ...]
    vectors: np.ndarray | None
    skipped: dict[str, str]


def features(run: Opened, encoder: Encoder, rows: Sequence[Row], texts: Sequence[str]) -> Features:
    """Everything that is compared of these texts; the model and the encoder read each once."""
    words = np.array([len(WORD.findall(text)) for text in texts], np.float64)
    numbers = {"length": words}
    skipped: dict[str, str] = {}
    if encoder.tokenizer is None:
        skipped |= {"pieces per word": encoder.why, "unknown pieces": encoder.why}
    else:
        pieces = encoder.pieces(texts)
        count = np.array([len(one) for one in pieces], np.float64)
        numbers["pieces per word"] = count / np.maximum(1, words)
        unknown = encoder.tokenizer.unk_token_id
        if unknown is None:
            skipped["unknown pieces"] = "the tokenizer can spell every text"
        else:
            missing = np.array([one.count(unknown) for one in pieces], np.float64)
            numbers["unknown pieces"] = missing / np.maximum(1, count)
    labels, names = _answers(run, rows, numbers, skipped)
    vectors = None
    if encoder.model is None or encoder.tokenizer is None:
        skipped["vectors"] = encoder.why
    else:
        vectors = encoder.vectors(texts)
    return Features(numbers, labels, names, vectors, skipped)


def _answers(
    run: Opened, rows: Sequence[Row], numbers: dict[str, np.ndarray], skipped: dict[str, str]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """What the model answers: the numbers are added, the labels returned."""
    if run.kind == "texts":
        why = "what this run predicts is neither classes, tags nor numbers"
        skipped |= {"predicted labels": why, "confidence": why}
        return None, ()
    found = list(run.probabilities(rows))
    if run.kind == "number":
        numbers["predicted number"] = np.array([one[0] for one in found])
        return None, ()
    if run.kind == "classes":
        shares = np.stack(found)
        if run.multi:
            numbers["confidence"] = np.maximum(shares, 1 - shares).mean(1)
            return (shares >= 0.5).astype(np.float64), run.labels
        numbers["confidence"] = shares.max(1)
        return np.eye(shares.shape[1])[shares.argmax(1)], run.labels
    # A text without words has no answer that could be unsure.
    numbers["confidence"] = np.array([one.max(1).mean() if len(one) else 1.0 for one in found])
    tagged = [[run.labels[i] for i in one.argmax(1)] for one in found]
    schema = run.schema.words
    if schema is None or schema.scheme is None:
        names = run.labels
        given = [list(one) for one in tagged]
    else:
        names = tuple(sorted({kind for tag in run.labels if (kind := tag.partition("-")[2])}))
        given = [[kind for _, _, kind in tags.spans(one)] for one in tagged]
        per_word = [len(g) / max(1, len(t)) for g, t in zip(given, tagged, strict=True)]
        numbers["entities per word"] = np.array(per_word)
    counts = np.array([[one.count(name) for name in names] for one in given], np.float64)
    return counts.reshape(len(rows), len(names)), names
