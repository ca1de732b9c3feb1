"""Scores of very many classes."""

from __future__ import annotations

import numpy as np
import pytest

from ft import Label, bootstrap_sums
from ft_sentiment.classes import Counts, score_classes
from ft_sentiment.decoding import decode_classes
from ft_sentiment.many import KEPT, MANY, all_scores, likeliest, whole_scores


@pytest.mark.parametrize("ordinal", [False, True])
def test_whole_scores_are_those_of_few_classes(ordinal):
    rng = np.random.default_rng(0)
    gold, predicted = rng.integers(0, 5, 80), rng.integers(0, 5, 80)
    predicted[:50] = gold[:50]
    names = tuple(map(str, range(5)))
    values = np.arange(5.0) if ordinal else None
    counts = Counts(gold, predicted, 5, values)
    drawn = bootstrap_sums(counts.rows, counts.scores, groups=counts.groups, seed=0)
    known = dict(zip(counts.names(names), drawn, strict=True))
    metrics, _ = score_classes(gold, predicted, names, ordinal=ordinal, seed=0)
    found = whole_scores(gold, predicted, 5, values, 0)
    assert set(found) == {name for name in metrics if "/" not in name}
    for name, (value, interval) in found.items():
        assert value == pytest.approx(metrics[name].value)
        assert interval[:2] == pytest.approx(known[name][:2])


def test_single_classes_of_many_stand_in_a_table_alone():
    classes = MANY + 50
    gold = np.arange(2 * classes) % classes
    predicted = np.where(gold % 2 == 0, gold, 0)
    names = tuple(f"c{i:03}" for i in range(classes))
    metrics, tables = score_classes(gold, predicted, names, ordinal=False, seed=0)
    assert set(metrics) == {"accuracy", "macro_f1", "weighted_f1", "mcc"}
    assert metrics["accuracy"].low < 0.5 < metrics["accuracy"].high
    assert [table.title for table in tables] == ["Classes", "Most frequent confusions"]
    assert len(tables[0].rows) == MANY
    assert f"most frequent of {classes} classes" in tables[0].note


def test_predictions_keep_the_likeliest_scores_of_many_classes():
    classes = MANY + 1
    names = tuple(map(str, range(classes)))
    logits = np.random.default_rng(0).normal(size=(3, classes))
    items = decode_classes(logits, Label(names=names), temperature=1.0, threshold=0.5)
    for row, item in zip(logits, items, strict=True):
        assert item["label"] == names[row.argmax()] == next(iter(item["scores"]))
        assert len(item["scores"]) == KEPT
        assert item["probability"] == item["scores"][item["label"]]
    whole = all_scores([item["scores"] for item in items], names, exclusive=True)
    assert whole.sum(1) == pytest.approx(np.ones(3))
    few = np.array([[0.2, 0.8]])
    assert likeliest(few, ("a", "b")) == [{"a": 0.2, "b": 0.8}]
    assert (all_scores(likeliest(few, ("a", "b")), ("a", "b"), exclusive=True) == few).all()
