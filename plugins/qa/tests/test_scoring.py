"""Exact match, F1 and the threshold, against values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ft_qa.scoring import best, best_threshold, exact, f1, normalized, score_answers


def test_a_text_is_normalized_as_squad_does() -> None:
    assert normalized(" The  Cat's, a dog… ") == "cats dog…"
    assert normalized("An apple-pie.") == "applepie"
    assert normalized("the") == ""


@pytest.mark.parametrize(
    ("found", "golds", "same", "overlap"),
    [
        ("The cat", ["cat"], 1.0, 1.0),
        ("black cat", ["cat", "dog"], 0.0, 2 / 3),
        ("cat cat dog", ["cat dog dog"], 0.0, 2 / 3),
        ("", [], 1.0, 1.0),
        ("cat", [], 0.0, 0.0),
        ("", ["cat"], 0.0, 0.0),
        # A gold answer of nothing but an article is left out, as the script does.
        ("", ["the"], 1.0, 1.0),
        ("cat", ["the", "cat"], 1.0, 1.0),
    ],
)
def test_the_best_gold_answer_counts(
    found: str, golds: list[str], same: float, overlap: float
) -> None:
    assert best(exact, found, golds) == same
    assert best(f1, found, golds) == pytest.approx(overlap)


def test_questions_with_and_without_an_answer_are_scored_apart() -> None:
    metrics = score_answers(["cat", "", "dog", ""], [["cat"], ["cow"], [], []]).metrics
    assert metrics["exact"].value == 0.5
    assert metrics["answerable/exact"].value == 0.5
    assert metrics["unanswerable/accuracy"].value == 0.5
    low, high = metrics["f1"].low, metrics["f1"].high
    assert low is not None
    assert high is not None
    assert 0 <= low < 0.5 < high <= 1
    assert set(score_answers(["cat"], [["cat"]]).metrics) == {"f1", "exact"}


def test_the_threshold_is_the_best_on_what_it_is_chosen_by() -> None:
    gains = [5.0, 3.0, 1.0, -1.0]
    assert best_threshold(gains, ["a1", "b1", "c1", "d1"], [["a1"], ["b1"], [], []]) == 2.0
    assert best_threshold(gains, ["a1"] * 4, [["a1"]] * 4) < -1.0
    assert best_threshold(gains, ["a1"] * 4, [[]] * 4) > 5.0
    assert best_threshold([], [], []) == 0.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-1.0, 0.0, 0.5, 2.0]),
            st.sampled_from(["cat", "black cat", "dog"]),
            st.sampled_from([(), ("cat",), ("dog", "black dog")]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_threshold_is_better(rows: list[tuple[float, str, tuple[str, ...]]]) -> None:
    gains, answers, golds = zip(*rows, strict=True)

    def total(threshold: float) -> float:
        return sum(
            best(f1, answer if gain > threshold else "", gold)
            for gain, answer, gold in zip(gains, answers, golds, strict=True)
        )

    chosen = total(best_threshold(gains, answers, golds))
    assert all(total(other) <= chosen + 1e-9 for other in [-9.0, -0.5, 0.25, 1.0, 9.0])
