"""Typing errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ft_adversarial import typos
from ft_adversarial.robustness.typing_errors import NEIGHBOURS


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.lists(st.text(max_size=12), max_size=8), st.integers(0, 99), st.floats(0, 1))
def test_as_many_words_none_emptied_and_all_else_kept(words, seed, rate):
    given_words = list(words)
    misspelt = typos(words, rng(seed), rate)
    assert words == given_words
    assert len(misspelt) == len(words)
    for word, other in zip(words, misspelt, strict=True):
        assert bool(word) == bool(other)
        kept = [c for c in word if not c.isalpha()]
        assert [c for c in other if not c.isalpha()] == kept
        assert any(map(str.isalpha, word)) == any(map(str.isalpha, other))


def test_same_seed_same_errors():
    words = ["adversarial", "training"] * 10
    assert typos(words, rng(1), 0.3) == typos(words, rng(1), 0.3)
    assert typos(words, rng(1), 0.3) != typos(words, rng(2), 0.3)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_so_many_letters_are_hit(rate):
    """Single letters: replaced by a neighbour or doubled, never dropped, so every hit shows."""
    words = ["a"] * 20_000
    hit = sum(word != "a" for word in typos(words, rng(), rate)) / len(words)
    assert abs(hit - rate) < 0.01


def test_each_kind_of_error_happens():
    kinds = {"near": 0, "dropped": 0, "doubled": 0, "exchanged": 0}
    for seed in range(400):
        (word,) = typos(["Gate"], rng(seed), 0.1)
        kinds["dropped"] += word in ("ate", "Gte", "Gae", "Gat")
        kinds["doubled"] += word in ("GGate", "Gaate", "Gatte", "Gatee")
        kinds["exchanged"] += word in ("aGte", "Gtae", "Gaet")
        kinds["near"] += (
            len(word) == 4 and sum(a != b for a, b in zip(word, "Gate", strict=True)) == 1
        )
    assert all(count > 10 for count in kinds.values()), kinds


def test_keys_that_touch():
    assert set(NEIGHBOURS["g"]) == set("ftyhbv")
    assert set(NEIGHBOURS["q"]) == set("wa")
    assert all(key in NEIGHBOURS[near] for key, keys in NEIGHBOURS.items() for near in keys)


def test_scripts_that_are_on_no_keyboard():
    text = "房间很大,服务也好" * 50
    (misspelt,) = typos([text], rng(), 0.1)
    assert misspelt != text
    assert misspelt.count(",") == 50
