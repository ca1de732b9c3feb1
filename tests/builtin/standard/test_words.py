"""Words to pieces and windows: every word is labelled and read exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from ft import DataError, Words
from ft.builtin.standard.words import encode_words, frame_of, pieces_of, windows

WORDS = Words(labels=("O", "B-A", "I-A"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from ft_kit import tiny_bert

    return AutoTokenizer.from_pretrained(tiny_bert(tmp_path_factory.mktemp("m"), ["hello"]))


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    room=st.integers(4, 40),
)
@settings(max_examples=300, deadline=None)
def test_every_word_is_answered_for_once_where_its_first_piece_is(
    sizes: list[int], room: int
) -> None:
    owners = [word for word, size in enumerate(sizes) for _ in range(size)]
    firsts = {word: owners.index(word) for word in range(len(sizes))}
    answered = []
    for begin, end, words in windows(owners, room):
        assert end - begin <= room
        for word in words:
            assert begin <= firsts[word] < end
        answered += sorted(words)
    assert sorted(answered) == list(range(len(sizes)))


def test_a_word_in_the_overlap_is_read_where_it_has_most_context() -> None:
    spans = windows(list(range(30)), 16)
    assert spans[0][:2] == (0, 16)
    begin = spans[1][0]
    assert begin < 16
    for _, _, words in spans:
        assert words
    boundary = max(spans[0][2])
    assert 16 - 1 - boundary >= boundary - begin - 1


def test_labels_stand_on_first_pieces_only(tokenizer: Any) -> None:
    features = encode_words(
        tokenizer, {"tokens": [["hello", "xyz", "ab"]], "tags": [["O", "B-A", "I-A"]]}, WORDS, 64
    )
    pieces = tokenizer.convert_ids_to_tokens(features["input_ids"][0])
    assert pieces == ["[CLS]", "hello", "x", "##y", "##z", "a", "##b", "[SEP]"]
    assert features["labels"][0] == [-100, 0, 1, -100, -100, 2, -100, -100]
    assert features["word_ids"][0] == [-1, 0, 1, -1, -1, 2, -1, -1]


def test_a_long_sentence_is_windowed_and_loses_no_label(tokenizer: Any) -> None:
    tokens = ["hello", "abc"] * 100
    tags = ["B-A", "I-A"] * 100
    features = encode_words(tokenizer, {"tokens": [tokens], "tags": [tags]}, WORDS, 20)
    assert all(len(ids) <= 20 for ids in features["input_ids"])
    assert set(features["row"]) == {0}
    seen = sorted(
        (word, label)
        for words, labels in zip(features["word_ids"], features["labels"], strict=True)
        for word, label in zip(words, labels, strict=True)
        if word >= 0
    )
    assert seen == [(i, 1 if i % 2 == 0 else 2) for i in range(200)]


def test_a_word_without_pieces_stands_as_the_unknown_token(tokenizer: Any) -> None:
    ((ids, owners),) = pieces_of(tokenizer, [["hello", "\u200b", "a"]])
    assert owners == [0, 1, 2]
    assert ids[1] == tokenizer.unk_token_id


def test_an_empty_sentence_has_one_empty_window(tokenizer: Any) -> None:
    features = encode_words(tokenizer, {"tokens": [[]], "tags": [[]]}, WORDS, 64)
    assert features["word_ids"] == [[-1, -1]]


def test_without_tags_there_are_no_labels(tokenizer: Any) -> None:
    features = encode_words(tokenizer, {"tokens": [["hello"]]}, WORDS, 64)
    assert "labels" not in features


def test_a_tag_that_training_never_saw_is_not_learnt(tokenizer: Any) -> None:
    features = encode_words(tokenizer, {"tokens": [["hello"]], "tags": [["B-NEW"]]}, WORDS, 64)
    assert features["labels"] == [[-100, -100, -100]]


def test_words_and_tags_must_be_as_many(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="2 words but 1 tags"):
        encode_words(tokenizer, {"tokens": [["a", "b"]], "tags": [["O"]]}, WORDS, 64)


def test_the_frame_is_found_for_any_tokenizer(tokenizer: Any, tiny_model: Path) -> None:
    frame = frame_of(tokenizer)
    assert frame.before == (tokenizer.cls_token_id,)
    assert frame.after == (tokenizer.sep_token_id,)
