"""Dialogues: replies, history, roles."""

from __future__ import annotations

from typing import Any

import pytest

from ft_seq2seq.settings import Seq2SeqConfig
from ft_seq2seq.turns import fitting, joined, replies, turns_fault

CHAT = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": "how\nare you"},
    {"role": "assistant", "content": "fine"},
]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, [("hi", "hello"), ("hi | hello | how are you", "fine")]),
        ({"history": 1}, [("hi", "hello"), ("how are you", "fine")]),
        ({"history": 2, "speakers": True}, [("user: hi", "hello"), ("assistant: hello | user: how are you", "fine")]),
        ({"reply_by": "user", "history": 1}, [("hello", "how\nare you")]),
    ],
)  # fmt: skip
def test_replies_have_the_turns_before_them(settings: dict[str, Any], found: Any) -> None:
    assert replies(CHAT, Seq2SeqConfig(**settings)) == found


def test_without_roles_every_turn_but_the_first_is_a_reply() -> None:
    assert replies(["a", "b", "c"], Seq2SeqConfig()) == [("a", "b"), ("a | b", "c")]
    assert joined("a", Seq2SeqConfig()) == "a"


def test_the_oldest_turns_go_where_a_source_is_too_long() -> None:
    def size(texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    kept = fitting(["a | b c | d", "a b c d e f", "a", "x | a b c d e f"], " | ", size, 4)
    assert kept == ["b c | d", "a b c d e f", "a", "a b c d e f"]


@pytest.mark.parametrize("wrong", ["text", [1], ["a", {"role": "user"}]])
def test_what_are_no_turns_is_told(wrong: Any) -> None:
    assert turns_fault(wrong)
    assert turns_fault(["a", {"text": "b"}]) is None
