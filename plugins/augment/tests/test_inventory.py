"""What is collected from the training split, and that a large one is sampled."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from datasets import Dataset

import ft
from ft_augment.inventory import collect, sample_rows

TAGGED = ft.Schema(words=ft.Words(labels=("O", "B-LOC", "I-LOC")))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_mentions_are_distinct_and_words_are_not() -> None:
    train = Dataset.from_dict(
        {
            "tokens": [["In", "New", "York", "Rome", "rains"], ["Rome", "rains"], []],
            "tags": [["O", "B-LOC", "I-LOC", "B-LOC", "O"], ["B-LOC", "O"], []],
        }
    )
    known = collect(train, TAGGED, rng())
    assert known.mentions == {"LOC": [("New", "York"), ("Rome",)]}
    assert known.tokens == {
        "O": ["rains", "rains"],  # "in" is a stop word
        "B-LOC": ["New", "Rome", "Rome"],
        "I-LOC": ["York"],
    }
    assert known.counts == {"In": 1, "rains": 2}
    assert collect(train, TAGGED, rng(), inside=True).counts["Rome"] == 2


def test_plain_tags_have_no_mentions() -> None:
    train = Dataset.from_dict({"tokens": [["Dogs", "bark"]], "tags": [["B-X", "VERB"]]})
    schema = ft.Schema(words=ft.Words(labels=("B-X", "VERB"), scheme=None))
    known = collect(train, schema, rng())
    assert known.mentions == {}
    assert known.tokens == {"B-X": ["Dogs"], "VERB": ["bark"]}
    assert known.counts == {"Dogs": 1, "bark": 1}


def test_texts_are_counted_without_the_marks_around_words() -> None:
    train = Dataset.from_dict({"a": ["Good, good!", None], "b": ["fixed", "fixed"]})
    schema = ft.Schema(texts=(ft.Text("a"), ft.Text("b", editable=False)))
    assert collect(train, schema, rng()).counts == {"Good": 1, "good": 1}


def test_a_sample_is_uniform_sorted_and_bounded() -> None:
    assert sample_rows(5, 10, rng()).tolist() == [0, 1, 2, 3, 4]
    seen: Counter[int] = Counter()
    generator = rng()
    for _ in range(3000):
        rows = sample_rows(7, 3, generator).tolist()
        assert rows == sorted(set(rows))
        assert rows[0] >= 0
        assert rows[-1] < 7
        seen.update(rows)
    # Two draws rarely meet on one row, hence a little under 3/7.
    assert all(count / 3000 == pytest.approx(3 / 7, abs=0.06) for count in seen.values())
    assert len(seen) == 7


def test_a_large_split_is_sampled_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 20_000
    train = Dataset.from_dict(
        {
            "tokens": [[f"w{i}", "x", "y", "z"] for i in range(rows)],
            "tags": [["B-LOC", "O", "O", "O"]] * rows,
        }
    )
    monkeypatch.setattr("ft_augment.inventory.MOST_ROWS", 1000)
    known = collect(train, TAGGED, rng())
    drawn = [int(word[1:]) for (word,) in known.mentions["LOC"]]
    assert len(drawn) == 1000
    assert np.mean(drawn) == pytest.approx(rows / 2, rel=0.02)
    assert known.mentions == collect(train, TAGGED, rng()).mentions
    monkeypatch.setattr("ft_augment.inventory.MOST_WORDS", 400)
    assert sum(map(len, collect(train, TAGGED, rng()).tokens.values())) <= 400
