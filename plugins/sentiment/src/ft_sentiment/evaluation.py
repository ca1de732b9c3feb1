"""From decoded predictions to an evaluation, for each kind of label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ft import Evaluation, Label, Metric, Table, auroc
from ft_sentiment.calibration import fit_temperature, rescale
from ft_sentiment.classes import score_classes
from ft_sentiment.confidence import calibration_error
from ft_sentiment.labels import class_ids, classes_of, indicator
from ft_sentiment.many import all_scores
from ft_sentiment.multilabel import score_multilabel
from ft_sentiment.numbers import score_numbers

MAIN = {"single": "macro_f1", "multi": "micro_f1", "ordinal": "qwk", "number": "mae"}
"""The metric that chooses the best model. Macro F1 rather than accuracy, which a model reaches on
skewed data by ignoring the rare classes; micro F1 for many labels, because macro F1 of labels with a
handful of examples is mostly noise; quadratic weighted kappa counts how far off a rating is."""


@dataclass(frozen=True)
class Scored:
    """Gold and predicted labels of a split as arrays.

    Attributes:
        label: what was predicted.
        values: the gold labels as the data has them.
        items: the decoded predictions.
    """

    label: Label
    values: Sequence[Any]
    items: Sequence[Mapping[str, Any]]

    @property
    def multi(self) -> bool:
        """Whether an example carries any number of classes."""
        return self.label.kind == "multi"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The model's classes, then those that only this split has: no prediction can be right there."""
        found = {name for value in self.values for name in classes_of(value)}
        return (*self.label.names, *sorted(found - set(self.label.names)))

    @cached_property
    def gold(self) -> np.ndarray:
        """(examples,) positions in `names`, or (examples, classes) of 0 and 1."""
        return self._array(self.values)

    @cached_property
    def predicted(self) -> np.ndarray:
        """As `gold`."""
        return self._array([item["label"] for item in self.items])

    def _array(self, values: Sequence[Any]) -> np.ndarray:
        if self.multi:
            return indicator(values, self.names)
        return class_ids(values, self.names)

    @cached_property
    def scores(self) -> np.ndarray:
        """(examples, classes), the probability of each of the model's classes."""
        scores = [dict(item["scores"]) for item in self.items]
        return all_scores(scores, self.label.names, exclusive=not self.multi)

    @cached_property
    def known(self) -> np.ndarray:
        """(examples,), whether the model knows the gold class."""
        classes = len(self.label.names)
        return np.asarray(~self.gold[:, classes:].any(1) if self.multi else self.gold < classes)

    def temperature(self) -> float:
        """By how much more the logits are to be divided for the gold labels to be likeliest."""
        gold = self.gold[:, : len(self.label.names)] if self.multi else self.gold
        return fit_temperature(self.scores[self.known], gold[self.known], self.multi)

    def calibration_error(self, scores: np.ndarray, seed: int) -> Metric:
        """The calibration error of ``scores``: of the predicted class, or of every yes or no."""
        if self.multi:
            return calibration_error(scores, self.gold[:, : scores.shape[1]], seed=seed)
        confidence = scores[np.arange(len(scores)), self.predicted]
        return calibration_error(confidence, self.gold == self.predicted, seed=seed)


def evaluate_numbers(
    values: Sequence[float], items: Sequence[Mapping[str, Any]], seed: int
) -> Evaluation:
    """The evaluation of predicted numbers."""
    gold = np.array(values, dtype=float)
    predicted = np.array([item["label"] for item in items], dtype=float)
    return Evaluation(score_numbers(gold, predicted, seed=seed), main=MAIN["number"])


def evaluate_classes(
    scored: Scored, seed: int, *, temperature: float, correction: float, calibrate: bool, split: str
) -> Evaluation:
    """The evaluation of predicted classes.

    Args:
        scored: gold and predicted labels.
        seed: of the bootstrap.
        temperature: by which the logits are divided in the end.
        correction: what is still to be done of that: the predictions come with
            ``temperature / correction``.
        calibrate: whether probabilities are calibrated; adds a table that compares.
        split: its name, for that table.
    """
    label = scored.label
    if scored.multi:
        metrics, tables = score_multilabel(scored.gold, scored.predicted, scored.names, seed=seed)
    else:
        ordinal = label.kind == "ordinal" and scored.names == label.names
        metrics, tables = score_classes(
            scored.gold, scored.predicted, scored.names, ordinal=ordinal, seed=seed
        )
        if label.kind == "ordinal" and not ordinal:
            metrics |= _known_ratings(scored, seed)
    scores = rescale(scored.scores, scored.multi, correction)
    metrics["ece"] = scored.calibration_error(scores, seed)
    if len(scored.names) == 2 and not scored.multi and len(np.unique(scored.gold)) == 2:
        metrics["auroc"] = auroc(scored.gold == 1, scores[:, 1], seed=seed)
    if calibrate:
        before = rescale(scored.scores, scored.multi, correction / temperature)
        raw = scored.calibration_error(before, seed)
        tables.append(_calibration_table(raw, metrics["ece"], temperature, split))
    whole = {name: value for name, value in metrics.items() if "/" not in name}
    return Evaluation({**whole, **metrics}, main=MAIN[label.kind], tables=tables)


def _known_ratings(scored: Scored, seed: int) -> dict[str, Metric]:
    """MAE and kappa over the examples whose rating the model knows; others have no rank."""
    known = scored.known
    if not known.any():
        return {"mae": Metric(float("inf"), higher_is_better=False), "qwk": Metric(0.0)}
    metrics, _ = score_classes(
        scored.gold[known], scored.predicted[known], scored.label.names, ordinal=True, seed=seed
    )
    return {name: metrics[name] for name in ("mae", "qwk")}


def _calibration_table(before: Metric, after: Metric, temperature: float, split: str) -> Table:
    rows = [
        (name, divisor, *(round(float(x), 4) for x in (ece.value, ece.low or 0, ece.high or 0)))
        for name, divisor, ece in (
            ("before", 1.0, before),
            ("after", round(temperature, 4), after),
        )
    ]
    note = "expected calibration error before and after temperature scaling"
    if split == "validation":
        note += ", on the split that the temperature was fitted on"
    return Table("Calibration", ("scaling", "temperature", "ece", "low", "high"), tuple(rows), note)
