"""Neighbours among the embeddings: which words, in which case, from which kind of vocabulary."""

from __future__ import annotations

import numpy as np
import pytest

from ft_augment.neighbours import find_neighbours, letter_case, whole_words
from ft_augment.stopwords import stop_words

NEAR = {"good": 0.0, "great": 0.2, "fine": 0.5, "bad": 1.5, "Good": 0.1, "Great": 0.3, "17th": 0.0}


def table(angles: list[float]) -> np.ndarray:
    """Points on a circle: the cosine of two is that of the difference of their angles."""
    return np.array([(np.cos(angle), np.sin(angle)) for angle in angles], np.float32)


def find(*words: str, names: tuple[str, ...] = tuple(NEAR), **more: object) -> dict[str, tuple]:
    vocab = {name: row for row, name in enumerate(names)}
    options: dict = {"count": 5, "similarity": 0.8, **more}
    return find_neighbours(words, vocab, table([NEAR[name] for name in names]), **options)


UNCASED = ("good", "great", "fine", "bad", "17th")


def test_the_nearest_come_first_and_the_far_not_at_all() -> None:
    assert find("good", names=UNCASED) == {"good": ("great", "fine")}
    assert find("good", names=UNCASED, similarity=0.95) == {"good": ("great",)}
    assert find("good", names=UNCASED, count=1) == {"good": ("great",)}
    assert find("good", names=UNCASED, similarity=-1) == {"good": ("great", "fine", "bad")}


def test_few_of_many_are_the_best_ones() -> None:
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(list("abcdefgh"), 8)) for _ in range(400)]
    vectors = rng.standard_normal((400, 16)).astype(np.float32)
    vocab = {name: row for row, name in enumerate(names)}
    near = find_neighbours(names, vocab, vectors, count=3, similarity=0.2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for row, name in enumerate(names):
        cosines = unit @ unit[row]
        best = [i for i in np.argsort(-cosines) if i != row and cosines[i] >= 0.2][:3]
        assert near.get(name, ()) == tuple(names[i] for i in best)


def test_a_vocabulary_in_lower_case_serves_every_case() -> None:
    near = find("good", "Good", "GOOD", "gOOd", names=UNCASED, count=1)
    assert near == {"good": ("great",), "Good": ("Great",), "GOOD": ("GREAT",)}


def test_a_vocabulary_in_both_cases_keeps_them_apart() -> None:
    assert find("good", "Good", "Bad", count=1) == {"good": ("great",), "Good": ("Great",)}


def test_stop_words_numbers_and_short_words_are_left_alone() -> None:
    assert find("good", "17th", names=UNCASED, spare={"great"}) == {"good": ("fine",)}
    assert find("great", names=UNCASED, spare={"great"}) == {}
    near = find_neighbours(
        ["ab", "中国人"], {"ab": 0, "cd": 1, "中国人": 2, "中国": 3}, table([0, 0, 0, 0]),
        count=5, similarity=0.5,
    )  # fmt: skip
    assert near == {}


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ft_augment.neighbours.MOST_WORDS", 1)
    assert find("great", "good", names=UNCASED) == {"great": ("good", "fine")}
    monkeypatch.setattr("ft_augment.neighbours.MOST_CANDIDATES", 2)
    assert find("great", "good", names=UNCASED) == {"great": ("good",)}


def test_whole_words_of_each_kind_of_vocabulary() -> None:
    assert whole_words({"[CLS]": 0, "play": 1, "##ing": 2}) == {"[CLS]": 0, "play": 1}
    assert whole_words({"<s>": 0, "▁play": 1, "ing": 2}) == {"play": 1}
    cafe = "café".encode()
    shown = "".join(chr(byte) for byte in cafe)
    assert whole_words({"Ġplay": 0, "ing": 1, "Ġ" + shown: 2, "ĠÃ": 3}) == {"play": 0, "café": 2}


@pytest.mark.parametrize(
    ("word", "case"),
    [("word", "lower"), ("Word", "title"), ("WORD", "upper"), ("iPad", None), ("كلمة", "lower")],
)
def test_letter_case(word: str, case: str | None) -> None:
    assert letter_case(word) == case


def test_words_used_all_the_time_are_stop_words_in_any_language() -> None:
    counts = {"der": 30, "Der": 5, "Haus": 3, ".": 500, **{f"wort{i}": 1 for i in range(4000)}}
    stop = stop_words(counts)
    assert "der" in stop
    assert "haus" not in stop
    assert "." not in stop
    assert "not" in stop
