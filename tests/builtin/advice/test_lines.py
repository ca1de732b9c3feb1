"""Each line of advice: where it is given and where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from ft import Label, Schema, Text, Words
from ft.builtin.advice import lines

TEXTS = Schema(texts=(Text("text"),), label=Label("label", ("neg", "pos")))
TAGS = Schema(words=Words(labels=("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))


def answers(gold: list[Any], found: list[Any]) -> Any:
    return [({"label": a}, {"label": b}) for a, b in zip(gold, found, strict=True)]


def scored(*rows: dict[str, float], widths: float | None = None) -> list[dict[str, Any]]:
    """A log of evaluations, one every ten steps."""
    told = []
    for number, row in enumerate(rows, 1):
        ends = {} if widths is None else {"width": widths}
        metrics = {
            name: {"value": value}
            | ({"low": value - widths, "high": value + widths} if widths and ends else {})
            for name, value in row.items()
        }
        told.append({"step": 10 * number, "split": "validation", "metrics": metrics})
    return [{"step": 5, "loss": 9.0}, *told]


def test_a_class_that_is_never_predicted() -> None:
    gold = ["neg"] * 20 + ["pos"] * 7
    said = lines.never_predicted(TEXTS, answers(gold, ["neg"] * 26 + ["odd"]), "test")
    assert said is not None
    assert said.startswith("never predicted: 'pos' (7 in test)")
    said = lines.never_predicted(TEXTS, answers(gold, ["neg"] * 27), "test")
    assert said == "the model predicts 'neg' for every one of 27 examples of test"
    assert lines.never_predicted(TEXTS, answers(gold, gold), "test") is None
    assert lines.never_predicted(TEXTS, answers(gold, ["neg"] * 26 + ["pos"]), "test") is None
    few = ["neg"] * 20 + ["pos"] * 4
    assert lines.never_predicted(TEXTS, answers(few, ["neg"] * 23 + ["odd"]), "test") is None


def test_a_class_of_several_that_is_never_predicted() -> None:
    several = Schema(texts=(Text("text"),), label=Label("label", ("a", "b"), "multi"))
    gold = [["a", "b"]] * 6
    said = lines.never_predicted(several, answers(gold, [["a"]] * 6), "test")
    assert said is not None
    assert "'b' (6 in test)" in said
    assert lines.never_predicted(several, answers(gold, gold), "test") is None


def test_a_type_that_is_never_predicted() -> None:
    example = {"tokens": ["Ann", "in", "Oslo"], "tags": ["B-PER", "O", "B-LOC"]}

    def said(*tags: str) -> str | None:
        return lines.never_predicted(TAGS, [(example, {"tags": list(tags)})] * 6, "test")

    assert "'LOC' (6 in test)" in str(said("B-PER", "O", "O"))
    assert "nothing at all in the 6 examples" in str(said("O", "O", "O"))
    assert said("B-PER", "O", "B-LOC") is None


def test_numbers_have_no_class() -> None:
    numbers = Schema(texts=(Text("text"),), label=Label("label", kind="number"))
    assert lines.never_predicted(numbers, answers([1.0] * 9, [2.0] * 9), "test") is None


@pytest.mark.parametrize(
    ("value", "low", "baseline", "said"),
    [
        (0.5, 0.4, 0.6, "accuracy 0.5000 on test is no better than majority (0.6000)"),
        (0.6, 0.5, 0.6, "accuracy 0.6000 on test is no better than majority (0.6000)"),
        (0.7, 0.55, 0.6, "accuracy 0.7000 on test is not clearly better than majority (0.6000)"),
        (0.7, 0.65, 0.6, None),
        (0.7, None, 0.6, None),
    ],
)
def test_no_better_than_a_baseline(
    value: float, low: float | None, baseline: float, said: str | None
) -> None:
    metric = {"value": value, "low": low, "high": 0.9, "higher_is_better": True}
    found = lines.no_better(metric, "accuracy", "test", {"other": 0.1, "majority": baseline})
    assert found is None if said is None else str(found).startswith(said)


def test_no_better_where_lower_is_better() -> None:
    metric = {"value": 1.0, "low": 0.8, "high": 1.2, "higher_is_better": False}
    assert "no better than m (0.9000)" in str(lines.no_better(metric, "mae", "test", {"m": 0.9}))
    assert "clearly" in str(lines.no_better(metric, "mae", "test", {"m": 1.1, "n": 3.0}))
    assert lines.no_better(metric, "mae", "test", {"m": 1.3}) is None
    assert lines.no_better(metric, "mae", "test", {}) is None


def test_a_loss_that_still_falls() -> None:
    best = {"step": 20}
    said = lines.length(scored({"loss": 0.9}, {"loss": 0.5}), best, [])
    assert said is not None
    assert said.startswith("the validation loss still fell at the end (0.9000 to 0.5000)")
    assert lines.length(scored({"loss": 0.9}, {"loss": 0.895}), best, []) is None
    assert lines.length(scored({"loss": 0.5}, {"loss": 0.9}), best, []) is None
    assert lines.length(scored({"loss": 0.4}, {"loss": 0.9}, {"loss": 0.3}), best, []) is None
    assert lines.length(scored({"loss": 0.9}), {"step": 10}, []) is None
    assert lines.length(scored({"loss": 0.9}, {"loss": 0.5}), best, [{"plugin": "core"}]) is None


def test_a_best_evaluation_that_was_the_first() -> None:
    log = scored({"loss": 0.3}, {"loss": 0.5}, {"loss": 0.6})
    assert "first of 3 evaluations was the best (step 10)" in str(
        lines.length(log, {"step": 10}, [])
    )
    assert lines.length(log, {"step": 20}, []) is None
    assert lines.length(log[:3], {"step": 10}, []) is None


def test_classes_of_very_different_frequency() -> None:
    labels = {"of": "examples", "counts": {"neg": 200, "pos": 20}}
    plain = {"ner": {}, "sentiment": {"class_weights": "none"}}
    assert lines.skewed(labels, plain) == (
        "train has 200 examples of 'neg' and 20 of 'pos': try -o sentiment.class_weights=balanced"
    )
    assert lines.skewed(labels, {"sentiment": {"class_weights": "balanced"}}) is None
    assert lines.skewed(labels, {"ner": {}}) is None
    focal = {"sentiment": {"class_weights": "none", "focal_gamma": 2.0}}
    assert lines.skewed(labels, focal) is None
    assert lines.skewed({**labels, "counts": {"neg": 199, "pos": 20}}, plain) is None
    assert lines.skewed({**labels, "of": "spans"}, plain) is None


def test_calibration_that_got_worse() -> None:
    rows = ({"ece": 0.05}, {"ece": 0.2})
    said = lines.calibration(scored(*rows, widths=0.02), {"step": 20})
    assert said is not None
    assert said.startswith("calibration got worse during training: ece 0.0500")
    assert lines.calibration(scored(*rows, widths=0.1), {"step": 20}) is None
    assert lines.calibration(scored(*rows, widths=0.02), {"step": 10}) is None
    assert lines.calibration(scored(*rows[::-1], widths=0.02), {"step": 20}) is None
    assert lines.calibration(scored({"f1": 0.1}, {"f1": 0.2}), {"step": 20}) is None


def test_a_split_that_is_too_small() -> None:
    wide = {"value": 0.5, "low": 0.35, "high": 0.65}
    assert lines.too_small(wide, "f1", "test", 40) == (
        "test is too small to tell (40 examples): f1 may be anything from 0.3500 to 0.6500"
    )
    assert lines.too_small({**wide, "low": 0.5}, "f1", "test", 40) is None
    assert lines.too_small({"value": 3.0, "low": 2.0, "high": 4.0}, "mae", "test", 40) is None
    assert "has 40 examples" in str(lines.too_small({"value": 0.5}, "f1", "test", 40))
    assert lines.too_small({"value": 0.5}, "f1", "test", 100) is None
