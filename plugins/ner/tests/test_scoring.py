"""Scores by entity and by tag, against seqeval and scikit-learn."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report as by_word_report

from ft import Table
from ft import tags as schemes
from ft_ner.scoring import score, score_words

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")

pairs = st.lists(
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=8),
    min_size=1,
    max_size=6,
)


def split(pairs: list[list[tuple[str, str]]]) -> tuple[list[list[str]], list[list[str]]]:
    """Gold tags, which are legal, and predicted ones, which need not be."""
    gold = [schemes.to_bio2([tag for tag, _ in sentence]) for sentence in pairs]
    return gold, [[tag for _, tag in sentence] for sentence in pairs]


def rows(table: Table) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def corpus(seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Sixty sentences, and predictions that are wrong now and then."""
    rng = random.Random(seed)
    gold, found = [], []
    for _ in range(60):
        tags = schemes.to_bio2(rng.choices(LABELS, k=rng.randint(1, 12)))
        gold.append(tags)
        found.append([tag if rng.random() < 0.8 else rng.choice(LABELS) for tag in tags])
    return gold, found


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_scores_by_entity_are_seqevals_strict_ones(pairs: list[list[tuple[str, str]]]) -> None:
    gold, found = split(pairs)
    evaluation = score(gold, found)
    table = rows(evaluation.tables[0])
    if set(table) == {"all types"}:
        assert table["all types"][:3] == (0.0, 0.0, 0.0)
        return
    report = classification_report(
        gold, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    for kind, (*values, _, support) in table.items():
        expected = report["micro avg" if kind == "all types" else kind]
        assert values == pytest.approx(
            [expected["precision"], expected["recall"], expected["f1-score"]], abs=6e-5
        )
        assert support == expected["support"]
    micro = report["micro avg"]
    assert evaluation.metrics["precision"].value == pytest.approx(micro["precision"])
    assert evaluation.metrics["recall"].value == pytest.approx(micro["recall"])
    assert evaluation.metrics["f1"].value == pytest.approx(micro["f1-score"])


@pytest.mark.parametrize("seed", range(5))
def test_intervals_contain_the_score_and_narrow_with_more_sentences(seed: int) -> None:
    gold, found = corpus(seed)
    small, large = score(gold, found).metrics, score(gold * 9, found * 9).metrics
    for name in ("precision", "recall", "f1"):
        metric = small[name]
        assert metric.low is not None
        assert metric.high is not None
        assert 0 <= metric.low < metric.value < metric.high <= 1
        assert large[name].value == pytest.approx(metric.value)
        assert large[name].high - large[name].low < metric.high - metric.low


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_the_table_by_tag_is_scikit_learns(pairs: list[list[tuple[str, str]]]) -> None:
    gold, found = split(pairs)
    true, predicted = ([tag for tags in side for tag in tags] for side in (gold, found))
    present = sorted(set(true) | set(predicted))
    kept = [tag for tag in present if tag != "O"]
    table = rows(score(gold, found).tables[1])
    expected = by_word_report(true, predicted, labels=present, output_dict=True, zero_division=0)
    wanted = {tag: expected[tag] for tag in present}
    if kept:
        averages = by_word_report(true, predicted, labels=kept, output_dict=True, zero_division=0)
        without = ", without O" if "O" in present else ""
        for name in ("macro", "weighted"):
            wanted[name + without] = averages[f"{name} avg"]
        right = sum(a == b != "O" for a, b in zip(true, predicted, strict=True))
        guesses, support = (sum(tag != "O" for tag in tags) for tags in (predicted, true))
        wanted["micro" + without] = {
            "precision": right / max(guesses, 1),
            "recall": right / max(support, 1),
            "f1-score": 2 * right / (guesses + support),
            "support": support,
        }
    assert set(table) == set(wanted)
    for tag, values in table.items():
        names = ("precision", "recall", "f1-score", "support")
        assert values == pytest.approx([wanted[tag][name] for name in names], abs=6e-5)


def test_an_entity_with_one_wrong_border_counts_for_nothing() -> None:
    gold, found = [["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]]
    assert score(gold, found).metrics["f1"].value == 0
    assert rows(score(gold, found).tables[1])["B-PER"][:3] == (1.0, 1.0, 1.0)


def test_an_entity_that_nothing_opens_counts_for_nothing() -> None:
    assert score([["B-PER", "O"]], [["I-PER", "O"]]).metrics["recall"].value == 0


def test_every_word_is_said_to_be_scored() -> None:
    gold, found = corpus(0)
    evaluation = score(gold, found)
    words = sum(map(len, gold))
    assert evaluation.metrics["coverage"].value == 1
    assert f"{words} of {words} words scored" in evaluation.tables[0].note
    assert evaluation.main == "f1"


def test_plain_tags_are_scored_by_word() -> None:
    gold = [["NOUN", "VERB"], ["DET", "NOUN", "VERB"]] * 10
    found = [["NOUN", "VERB"], ["DET", "NOUN", "NOUN"]] * 10
    evaluation = score_words(gold, found)
    accuracy = evaluation.metrics["accuracy"]
    assert accuracy.value == pytest.approx(0.8)
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.low < 0.8 < accuracy.high
    (table,) = evaluation.tables
    assert rows(table)["VERB"][:3] == pytest.approx((1.0, 0.5, 0.6667))
    assert "micro" in rows(table)
