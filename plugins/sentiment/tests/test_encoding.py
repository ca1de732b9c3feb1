from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ft import ConfigError
from ft_sentiment import SentimentConfig
from ft_sentiment.encoding import (
    encode_texts,
    head_tail,
    longest_first,
    window_starts,
)


def numbered(first: int, count: int) -> str:
    return " ".join(f"w{i}" for i in range(first, first + count))


def words(ids: list[int]) -> list[int]:
    """The numbers of the words; special tokens are -1."""
    return [i - 4 if i >= 4 else -1 for i in ids]


@given(count=st.integers(0, 40), limit=st.integers(3, 20))
def test_truncate_is_what_the_tokenizer_does(tokenizer, count, limit):
    text = numbered(0, count)
    ours = encode_texts(tokenizer, [[text]], limit, SentimentConfig(long_texts="truncate"))
    theirs = tokenizer([text], truncation=True, max_length=limit)
    assert ours.columns["input_ids"] == theirs["input_ids"]
    assert ours.columns["token_type_ids"] == theirs["token_type_ids"]
    assert ours.long == (count + 2 > limit)
    assert "attention_mask" not in ours.columns


@given(first=st.integers(0, 30), second=st.integers(0, 30), limit=st.integers(5, 40))
def test_pairs_are_cut_longest_first(tokenizer, first, second, limit):
    pair = [numbered(0, first)], [numbered(30, second)]
    ours = encode_texts(tokenizer, pair, limit, SentimentConfig(long_texts="truncate"))
    theirs = tokenizer(*pair, truncation="longest_first", max_length=limit)
    assert ours.columns["input_ids"] == theirs["input_ids"]
    assert ours.columns["token_type_ids"] == theirs["token_type_ids"]


def test_left_truncation_follows_the_tokenizer(tokenizer, monkeypatch):
    monkeypatch.setattr(tokenizer, "truncation_side", "left")
    ours = encode_texts(tokenizer, [[numbered(0, 10)]], 5, SentimentConfig(long_texts="truncate"))
    assert words(ours.columns["input_ids"][0]) == [-1, 7, 8, 9, -1]


def test_head_and_tail_of_a_long_text(tokenizer):
    ours = encode_texts(tokenizer, [[numbered(0, 30), numbered(0, 3)]], 10, SentimentConfig())
    long, short = ours.columns["input_ids"]
    assert words(long) == [-1, 0, 1, 24, 25, 26, 27, 28, 29, -1]
    assert words(short) == [-1, 0, 1, 2, -1]
    assert ours.rows == [0, 1]
    assert ours.long == 1


def test_head_and_tail_of_both_texts_of_a_pair(tokenizer):
    pair = [numbered(0, 20)], [numbered(30, 20)]
    ours = encode_texts(tokenizer, pair, 11, SentimentConfig(head_share=0.5))
    assert words(ours.columns["input_ids"][0]) == [-1, 0, 1, 18, 19, -1, 30, 31, 48, 49, -1]
    assert ours.columns["token_type_ids"][0] == [0] * 6 + [1] * 5


@given(length=st.integers(1, 200), budget=st.integers(1, 100), share=st.floats(0, 1))
def test_head_tail_keeps_exactly_what_fits(length, budget, share):
    kept = head_tail(range(length), budget, share)
    assert len(kept) == min(length, budget)
    assert kept == sorted(set(kept))
    if length > budget:
        head = round(budget * share)
        assert kept[:head] == list(range(head))
        assert kept[head:] == list(range(length - budget + head, length))


@given(first=st.integers(0, 99), second=st.integers(0, 99), room=st.integers(2, 99))
def test_longest_first_uses_all_the_room(first, second, room):
    kept = longest_first([first, second], room)
    assert sum(kept) == min(room, first + second)
    assert kept[0] <= first
    assert kept[1] <= second


@given(length=st.integers(1, 400), room=st.integers(1, 60), overlap=st.integers(0, 80))
def test_windows_are_full_cover_the_text_and_overlap(length, room, overlap):
    starts = window_starts(length, room, overlap)
    covered = {p for start in starts for p in range(start, min(start + room, length))}
    assert covered == set(range(length))
    assert starts[0] == 0
    assert starts[-1] == max(length - room, 0)
    shared = min(overlap, room // 2)
    assert all(a + room - b >= shared for a, b in pairwise(starts))


def test_windows_of_a_long_text(tokenizer):
    config = SentimentConfig(long_texts="windows", window_overlap=2)
    texts = [numbered(0, 3), numbered(0, 14), numbered(5, 1)]
    ours = encode_texts(tokenizer, [texts], 8, config)
    assert ours.rows == [0, 1, 1, 1, 2]
    windows = [words(ids) for ids in ours.columns["input_ids"][1:4]]
    assert windows == [
        [-1, 0, 1, 2, 3, 4, 5, -1],
        [-1, 4, 5, 6, 7, 8, 9, -1],
        [-1, 8, 9, 10, 11, 12, 13, -1],
    ]


def test_no_room_beside_special_tokens_is_an_error(tokenizer):
    with pytest.raises(ConfigError, match=r"run\.max_length: 4 tokens leave no room"):
        encode_texts(tokenizer, [[numbered(0, 5)], [numbered(0, 5)]], 4, SentimentConfig())
