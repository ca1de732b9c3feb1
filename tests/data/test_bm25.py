"""The ranking by shared words, against its formula."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from ft import BM25


def test_it_is_the_formula() -> None:
    texts = ["red green red", "green blue", "blue", "Yellow, red!"]
    documents = [["red", "green", "red"], ["green", "blue"], ["blue"], ["yellow", "red"]]
    mean = sum(map(len, documents)) / 4
    table = BM25(texts).scores(["RED green, blue blue", "red yellow black"])
    for query, row in zip(({"red", "green", "blue"}, {"yellow", "red"}), table, strict=True):
        for words, score in zip(documents, row, strict=True):
            expected = 0.0
            for word in query:
                n = sum(word in other for other in documents)
                idf = math.log(1 + (4 - n + 0.5) / (n + 0.5))
                tf = Counter(words)[word]
                expected += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(words) / mean))
            assert score == pytest.approx(expected)


def test_a_part_of_the_texts_is_scored_as_among_all() -> None:
    index = BM25(["red green", "green", "red", "blue red", "green blue"])
    queries = ["green", "red blue", ""]
    whole = index.scores(queries)
    for begin in range(6):
        for end in range(begin, 6):
            assert np.array_equal(index.scores(queries, begin, end), whole[:, begin:end])


def test_texts_and_queries_without_words() -> None:
    assert BM25(["", "a"]).scores(["", "!?", "b"]).tolist() == [[0, 0]] * 3
    assert BM25([""]).scores(["a"]).tolist() == [[0]]
