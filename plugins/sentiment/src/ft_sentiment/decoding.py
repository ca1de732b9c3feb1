"""From the model's outputs to labels and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ft import Label
from ft_sentiment.calibration import probabilities
from ft_sentiment.labels import rating_values
from ft_sentiment.many import likeliest


def pool(windows: Sequence[np.ndarray]) -> np.ndarray:
    """(examples, classes) logits from those of each example's windows, (windows, classes) each.

    The mean of the logits: its softmax is the normalised geometric mean of the windows'
    probabilities, the mean of their log-probabilities.
    """
    return np.stack([np.asarray(logits, dtype=np.float64).mean(0) for logits in windows])


def decode_classes(
    logits: np.ndarray, label: Label, *, temperature: float, threshold: float
) -> list[dict[str, Any]]:
    """Predictions from logits.

    Args:
        logits: (examples, classes).
        label: what is predicted; not a number.
        temperature: divides the logits; it never changes which class is likeliest.
        threshold: probability from which a class is predicted (``multi``).

    Returns:
        ``label`` (a list for ``multi``), ``scores`` (the probability of every class; of more than
        200 those of the 100 likeliest) and, but for ``multi``, ``probability`` of the label; for ratings also ``expected``, their mean under
        the probabilities.
    """
    names = label.names
    multi = label.kind == "multi"
    scores = probabilities(logits, multi, temperature)
    items: list[dict[str, Any]] = []
    # The logits decide, so that rounding of the probabilities cannot.
    best = logits.argmax(-1)
    for i, (row, by_name) in enumerate(zip(scores, likeliest(scores, names), strict=True)):
        if multi:
            chosen = [names[k] for k in np.flatnonzero(row >= threshold).tolist()]
            items.append({"label": chosen, "scores": by_name})
        else:
            top = float(row[best[i]])
            items.append({"label": names[best[i]], "probability": top, "scores": by_name})
    if label.kind == "ordinal":
        expected = scores @ rating_values(names)
        items = [{**item, "expected": float(e)} for item, e in zip(items, expected, strict=True)]
    return items
