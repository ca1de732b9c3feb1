"""The outputs of words from those of pieces, marks that have no piece included."""

from __future__ import annotations

import numpy as np

from ft.engine.batch.by_word import by_word

LABELS = ("O", "B-PER", "I-PER")
OUTSIDE, BEGIN, INSIDE = [3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]


def rows(word_ids: list[int], count: int, outputs: list[list[float]]) -> list[list[float]]:
    feature = {"word_ids": word_ids, "word_count": count}
    return by_word([feature], [np.array(outputs)], LABELS).tolist()


def test_words_are_read_at_their_first_pieces_in_whichever_window() -> None:
    windows = [{"word_ids": [-1, 0, -1, 1]}, {"word_ids": [2, -1]}]
    arrays = [np.arange(4.0)[:, None], np.arange(10.0, 12.0)[:, None]]
    assert by_word(windows, arrays, ()).tolist() == [[1.0], [3.0], [10.0]]


def test_a_mark_before_a_span_is_outside_with_the_score_of_its_piece() -> None:
    assert rows([1], 2, [BEGIN]) == [[3.0, 1.0, 2.0], BEGIN]


def test_a_mark_that_a_span_goes_on_behind_is_inside() -> None:
    assert rows([0, 2], 3, [BEGIN, INSIDE]) == [BEGIN, INSIDE, INSIDE]
    assert rows([0, 2], 3, [BEGIN, OUTSIDE]) == [BEGIN, OUTSIDE, OUTSIDE]


def test_a_mark_behind_the_last_word_with_a_piece_is_outside() -> None:
    assert rows([0], 3, [INSIDE]) == [INSIDE, [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]
    assert rows([0], 2, [OUTSIDE]) == [OUTSIDE, OUTSIDE]


def test_what_is_no_score_of_tags_is_taken_as_it_is() -> None:
    feature = {"word_ids": [1], "word_count": 3}
    assert by_word([feature], [np.array([[1.0, 2.0]])], LABELS).tolist() == [[1.0, 2.0]] * 3


def test_a_sentence_without_pieces_has_as_many_rows_as_words() -> None:
    assert rows([-1], 0, [OUTSIDE]) == []
    assert rows([-1], 1, [OUTSIDE]) == [[0.0, 0.0, 0.0]]
