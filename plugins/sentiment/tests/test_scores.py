"""Scores and their intervals against scikit-learn and scipy, on the resamples themselves."""

from __future__ import annotations

import warnings
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from ft import bootstrap_sums
from ft_sentiment.classes import Counts, score_classes
from ft_sentiment.labels import rating_values
from ft_sentiment.multilabel import multilabel_rows, multilabel_scores, score_multilabel
from ft_sentiment.numbers import Spearman, number_rows, number_scores, score_numbers

RATINGS = ("1", "2", "4", "8")


def resamples(n: int, count: int = 25) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, n, n) for _ in range(count)]


def skewed(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shares = np.geomspace(1, 0.01, classes)
    gold = rng.choice(classes, n, p=shares / shares.sum())
    predicted = np.where(rng.random(n) < 0.6, gold, rng.choice(classes, n))
    return gold, predicted


def reference(gold: np.ndarray, predicted: np.ndarray, classes: int) -> list[float]:
    """Every score of `Counts`, from scikit-learn."""
    labels = list(range(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, _, _ = metrics.precision_recall_fscore_support(
            gold, predicted, labels=labels, zero_division=0
        )
        f1 = metrics.f1_score(gold, predicted, labels=labels, average=None, zero_division=np.nan)
        kappa = metrics.cohen_kappa_score(gold, predicted, labels=labels, weights="quadratic")
        mcc = metrics.matthews_corrcoef(gold, predicted)
    values = rating_values(RATINGS)
    whole = [
        metrics.accuracy_score(gold, predicted),
        metrics.f1_score(gold, predicted, average="macro", zero_division=0),
        metrics.f1_score(gold, predicted, average="weighted", zero_division=0),
        mcc,
        metrics.mean_absolute_error(values[gold], values[predicted]),
        0.0 if np.isnan(kappa) else kappa,
    ]
    recall = np.where(np.isin(labels, gold), recall, np.nan)
    return [*whole, *precision, *recall, *f1]


@given(pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_class_scores_from_counts_are_scikit_learns(pairs):
    gold, predicted = np.array(pairs).T
    counts = Counts(gold, predicted, 4, rating_values(RATINGS))
    ours = counts.scores((counts.sizes @ counts.rows)[None])[0]
    np.testing.assert_allclose(ours, reference(gold, predicted, 4), atol=1e-12)


def test_class_scores_of_resamples_are_scikit_learns():
    gold, predicted = skewed(150, 4)
    counts = Counts(gold, predicted, 4, rating_values(RATINGS))
    groups = np.stack([counts.gold, counts.predicted], 1)
    for sample in resamples(150):
        drawn = np.stack([gold[sample], predicted[sample]], 1)
        sizes = (drawn[:, None] == groups).all(-1).sum(0)
        ours = counts.scores((sizes @ counts.rows)[None])[0]
        np.testing.assert_allclose(ours, reference(gold[sample], predicted[sample], 4), atol=1e-12)


def test_points_are_within_their_intervals_and_intervals_narrow_with_n():
    widths = []
    for n in (200, 20_000):
        gold, predicted = skewed(n, 4)
        scores, _ = score_classes(gold, predicted, RATINGS, ordinal=True, seed=0)
        assert {"accuracy", "macro_f1", "weighted_f1", "mcc", "mae", "qwk"} <= set(scores)
        for name, score in scores.items():
            assert score.low <= score.value <= score.high, name
            assert score.higher_is_better == (name != "mae")
        widths.append(scores["macro_f1"].high - scores["macro_f1"].low)
    assert widths[1] < widths[0] / 5


def test_grouped_bootstrap_is_the_bootstrap_over_examples():
    gold, predicted = skewed(400, 3)
    counts = Counts(gold, predicted, 3, None)
    grouped = bootstrap_sums(counts.rows, counts.scores, groups=counts.groups)
    single = bootstrap_sums(counts.rows[counts.groups], counts.scores)
    assert [one[:2] for one in grouped] == [pytest.approx(one[:2]) for one in single]


def test_accuracy_interval_is_the_binomials():
    """The bootstrap of a share is known exactly."""
    gold = np.zeros(1000, dtype=int)
    predicted = np.repeat([0, 1], [900, 100])
    counts = Counts(gold, predicted, 2, None)
    ends = bootstrap_sums(counts.rows, counts.scores, groups=counts.groups, resamples=5000)
    expected = stats.binom(1000, 0.9).ppf([0.025, 0.975]) / 1000
    np.testing.assert_allclose(ends[0][:2], expected, atol=0.003)


def test_tables_of_few_and_of_many_classes():
    gold, predicted = skewed(300, 4)
    _, tables = score_classes(gold, predicted, RATINGS, ordinal=False, seed=0)
    assert [table.title for table in tables] == ["Classes", "Confusion matrix"]
    matrix = np.array([row[1:] for row in tables[1].rows])
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(gold, predicted))
    assert [row[0] for row in tables[1].rows] == list(RATINGS)

    names = [f"c{i}" for i in range(20)]
    gold, predicted = skewed(300, 20)
    _, tables = score_classes(gold, predicted, names, ordinal=False, seed=0)
    assert [table.title for table in tables][1] == "Most frequent confusions"
    gold_name, predicted_name, examples, share = tables[1].rows[0]
    matrix = metrics.confusion_matrix(gold, predicted, labels=range(20))
    off = matrix - np.diag(np.diag(matrix))
    assert examples == off.max()
    assert matrix[names.index(gold_name), names.index(predicted_name)] == examples
    assert share == round(examples / matrix[names.index(gold_name)].sum(), 3)


def test_class_without_gold_examples_has_no_recall_of_its_own():
    scores, tables = score_classes(
        np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]), ["a", "b", "c"], ordinal=False, seed=0
    )
    assert "recall/c" not in scores
    assert [row[0] for row in tables[0].rows] == ["a", "b"]
    assert scores["macro_f1"].value == pytest.approx((2 / 3 + 1 + 0) / 3)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.lists(st.booleans(), min_size=3, max_size=3),
            st.lists(st.booleans(), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_multilabel_scores_are_scikit_learns(rows):
    gold, predicted = (np.array([row[i] for row in rows], dtype=np.int8) for i in (0, 1))
    ours = multilabel_scores(multilabel_rows(gold, predicted).sum(0)[None])[0]
    present = np.flatnonzero(gold.any(0) | predicted.any(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, _, _ = metrics.precision_recall_fscore_support(
            gold, predicted, zero_division=0
        )
        f1 = metrics.f1_score(gold, predicted, average=None, zero_division=np.nan)
        macro = (
            metrics.f1_score(gold, predicted, average="macro", labels=present)
            if len(present)
            else 0
        )
        whole = [
            metrics.f1_score(gold, predicted, average="micro", zero_division=0),
            macro,
            metrics.f1_score(gold, predicted, average="weighted", zero_division=0),
            metrics.accuracy_score(gold, predicted),
        ]
    recall = np.where(gold.any(0), recall, np.nan)
    np.testing.assert_allclose(ours, [*whole, *precision, *recall, *f1], atol=1e-12)


def test_multilabel_points_and_intervals():
    rng = np.random.default_rng(0)
    gold = (rng.random((500, 5)) < [0.5, 0.3, 0.1, 0.05, 0.0]).astype(np.int8)
    predicted = np.where(rng.random((500, 5)) < 0.9, gold, 1 - gold).astype(np.int8)
    scores, tables = score_multilabel(gold, predicted, list("abcde"), seed=0)
    assert {"micro_f1", "macro_f1", "weighted_f1", "subset_accuracy", "recall/a"} <= set(scores)
    assert "recall/e" not in scores
    for name, score in scores.items():
        assert score.low <= score.value <= score.high, name
    assert [row[1] for row in tables[0].rows] == gold.sum(0)[:4].tolist()
    assert tables[1].title == "Confusion by class"
    matrices = metrics.multilabel_confusion_matrix(gold, predicted)
    for row, name, ((rest, false), (missed, hits)) in zip(
        tables[1].rows, "abcde", matrices, strict=True
    ):
        assert row == (name, hits, missed, false, rest)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=60).filter(
        lambda rows: all(len(set(column)) > 1 for column in zip(*rows, strict=True))
    )
)
def test_number_scores_are_scipys(rows):
    gold, predicted = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    mae, rmse, pearson = number_scores(number_rows(gold, predicted).sum(0)[None])[0]
    assert mae == pytest.approx(metrics.mean_absolute_error(gold, predicted))
    assert rmse == pytest.approx(metrics.root_mean_squared_error(gold, predicted))
    assert pearson == pytest.approx(stats.pearsonr(gold, predicted).statistic)
    ours = Spearman(gold, predicted)(np.arange(len(gold)))
    assert ours == pytest.approx(stats.spearmanr(gold, predicted).statistic)


def test_correlations_of_resamples_are_scipys():
    rng = np.random.default_rng(0)
    gold = rng.integers(1, 6, 120).astype(float)
    predicted = gold + rng.normal(0, 1, 120)
    rows, spearman = number_rows(gold, predicted), Spearman(gold, predicted)
    for sample in resamples(120):
        pearson = number_scores(rows[sample].sum(0)[None])[0, 2]
        assert pearson == pytest.approx(stats.pearsonr(gold[sample], predicted[sample])[0])
        assert spearman(sample) == pytest.approx(
            stats.spearmanr(gold[sample], predicted[sample]).statistic
        )
    for name, score in score_numbers(gold, predicted, seed=0).items():
        assert score.low <= score.value <= score.high, name


def test_correlation_with_a_constant_is_left_out():
    scores = score_numbers(np.arange(5.0), np.ones(5), seed=0)
    assert set(scores) == {"mae", "rmse"}


def test_a_hundred_thousand_examples_take_seconds():
    n = 100_000
    gold, predicted = skewed(n, 77)
    started = perf_counter()
    score_classes(gold, predicted, [str(i) for i in range(77)], ordinal=False, seed=0)
    assert perf_counter() - started < 10


def test_one_class_of_several_that_an_example_may_carry():
    """With one column scikit-learn takes the labels for two classes."""
    gold, predicted = np.array([[1], [0], [1]]), np.array([[1], [0], [0]])
    metrics, tables = score_multilabel(gold, predicted, ("a",), seed=0)
    assert metrics["recall/a"].value == 0.5
    assert metrics["micro_f1"].value == pytest.approx(2 / 3)
    assert metrics["subset_accuracy"].value == pytest.approx(2 / 3)
    assert tables[0].rows[0][:2] == ("a", 2)
