"""Gold and predicted spans are matched one to one, and every one is accounted for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ft.builtin.report.spans import KINDS, Pair, pair, spans_of

TAGS = st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])
SENTENCES = st.integers(0, 12).flatmap(
    lambda n: st.tuples(*[st.lists(TAGS, min_size=n, max_size=n)] * 2)
)


@given(SENTENCES)
def test_every_span_stands_in_one_pair(sentence: tuple[list[str], list[str]]) -> None:
    gold, found = (spans_of(tags, "BIO2") for tags in sentence)
    pairs = pair(gold, found)
    assert sorted(one.gold for one in pairs if one.gold) == sorted(gold)
    assert sorted(one.found for one in pairs if one.found) == sorted(found)
    assert {one.kind for one in pairs} <= set(KINDS)
    right = sum(one.kind == "right" for one in pairs)
    assert right == len(set(gold) & set(found))
    # What was missed touches nothing that was invented.
    for missed in (one.gold for one in pairs if one.found is None):
        for invented in (one.found for one in pairs if one.gold is None):
            assert missed is not None
            assert invented is not None
            assert missed[1] <= invented[0] or invented[1] <= missed[0]


@pytest.mark.parametrize(
    ("gold", "found", "kinds"),
    [
        ([(0, 2, "a")], [(0, 2, "a")], ["right"]),
        ([(0, 2, "a")], [(0, 2, "b")], ["wrong type"]),
        ([(0, 2, "a")], [(1, 3, "a")], ["wrong border"]),
        ([(0, 2, "a")], [(1, 3, "b")], ["wrong type and border"]),
        ([(0, 2, "a")], [(2, 3, "a")], ["missed", "invented"]),
        # The same type goes before the longer overlap.
        ([(0, 4, "a")], [(0, 3, "b"), (3, 4, "a")], ["wrong border", "invented"]),
        # An equal span is not taken by one that merely overlaps.
        ([(0, 3, "a"), (3, 5, "a")], [(2, 3, "a"), (3, 5, "a")], ["wrong border", "right"]),
    ],
)
def test_the_kinds_of_error(
    gold: list[tuple[int, int, str]], found: list[tuple[int, int, str]], kinds: list[str]
) -> None:
    assert sorted(one.kind for one in pair(gold, found)) == sorted(kinds)


def test_plain_tags_are_compared_word_by_word() -> None:
    gold, found = (spans_of(tags, None) for tags in (["NN", "VB"], ["NN", "JJ"]))
    assert pair(gold, found) == [
        Pair((0, 1, "NN"), (0, 1, "NN")),
        Pair((1, 2, "VB"), (1, 2, "JJ")),
    ]
