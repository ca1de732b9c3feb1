"""Each operation by example, and its rate by count."""

from __future__ import annotations

from random import Random

import pytest

from ft_augment import (
    delete_words,
    insert_punctuation,
    make_typos,
    replace_mentions,
    replace_synonyms,
    replace_tokens,
    shuffle_segments,
    swap_words,
)
from ft_augment.spans import segments, units
from ft_augment.typo import KEYBOARD, misspell

WORDS = [f"word{i}" for i in range(5000)]
OUTSIDE = ["O"] * 5000


def share(changed: int, trials: int) -> float:
    return changed / trials


def test_adjacent_entities_are_two_mentions() -> None:
    tokens, tags = replace_mentions(
        ["Rome", "Paris", "calls"],
        ["B-LOC", "B-LOC", "O"],
        Random(0),
        1.0,
        {"LOC": [("New", "York")]},
    )
    assert tokens == ["New", "York", "New", "York", "calls"]
    assert tags == ["B-LOC", "I-LOC", "B-LOC", "I-LOC", "O"]


def test_a_type_without_mentions_stays() -> None:
    given_words = (["Rome", "calls"], ["B-LOC", "O"])
    assert replace_mentions(*given_words, Random(0), 1.0, {"PER": [("Ada",)]}) == given_words


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_a_mention_rate_counts_mentions(rate: float) -> None:
    tokens, _ = replace_mentions(
        ["Rome"] * 5000, ["B-LOC"] * 5000, Random(1), rate, {"LOC": [("Oslo",)]}
    )
    assert share(tokens.count("Oslo"), 5000) == pytest.approx(rate, abs=0.03)


def test_a_token_rate_counts_words() -> None:
    tokens, _ = replace_tokens(WORDS, OUTSIDE, Random(1), 0.2, {"O": ["new"]})
    assert share(tokens.count("new"), 5000) == pytest.approx(0.2, abs=0.03)


def test_stop_words_are_not_replaced() -> None:
    tokens, _ = replace_tokens(["The", "end"], ["O", "O"], Random(0), 1.0, {"O": ["x"]}, {"the"})
    assert tokens == ["The", "x"]


def test_words_are_drawn_as_often_as_they_occur() -> None:
    drawn, _ = replace_tokens(WORDS, OUTSIDE, Random(1), 1.0, {"O": ["a", "a", "a", "b"]})
    assert share(drawn.count("a"), 5000) == pytest.approx(0.75, abs=0.03)


def test_segments_are_mentions_and_what_lies_between() -> None:
    tags = ["O", "O", "O", "O", "O", "B-p", "O", "B-p", "I-p", "I-p", "I-p", "B-p", "O"]
    assert segments(tags) == [(0, 5), (5, 6), (6, 7), (7, 11), (11, 12), (12, 13)]
    assert segments(["DET", "NOUN", "NOUN", "VERB"], bio=False) == [(0, 1), (1, 3), (3, 4)]
    assert segments([]) == []


def test_units_are_entities_and_single_words() -> None:
    assert units(["B-p", "I-p", "O", "B-p"]) == [(0, 2), (2, 3), (3, 4)]


def test_a_shuffle_rate_counts_segments() -> None:
    tokens = ["a", "b", "c", "d", "e", "f", "."] * 1000
    tags = ["O"] * 6 + ["B-x"]
    new, _ = shuffle_segments(tokens, tags * 1000, Random(1), 0.3)
    changed = sum(new[i : i + 7] != tokens[:7] for i in range(0, 7000, 7))
    # One order in 720 is the one it had.
    assert share(changed, 1000) == pytest.approx(0.3, abs=0.05)


def test_synonyms_enter_entities_only_on_request() -> None:
    near = {"good": ("great",)}
    sentence = (["good", "good"], ["B-x", "O"])
    assert replace_synonyms(*sentence, Random(0), 1.0, near)[0] == ["good", "great"]
    both, tags = replace_synonyms(*sentence, Random(0), 1.0, near, entities=True)
    assert (both, tags) == (["great", "great"], ["B-x", "O"])


def test_swapping_two_units_exchanges_them() -> None:
    sentence = (["New", "York", "calls"], ["B-l", "I-l", "O"])
    results = [swap_words(*sentence, Random(seed), 0.5) for seed in range(40)]
    assert all(
        result in (sentence, (["calls", "New", "York"], ["O", "B-l", "I-l"])) for result in results
    )
    # One unit of two is drawn in half of the cases; both, and they are back where they were.
    assert 10 <= sum(result != sentence for result in results) <= 30


def test_plain_tags_move_with_their_words() -> None:
    tokens, tags = swap_words(WORDS, [f"t{i}" for i in range(5000)], Random(0), 0.3, bio=False)
    assert tokens != WORDS
    assert tags is not None
    assert all(word[4:] == tag[1:] for word, tag in zip(tokens, tags, strict=True))


def test_han_characters_are_swapped_with_the_one_beside_them() -> None:
    tokens = [chr(0x4E00 + i) for i in range(400)]
    new, _ = swap_words(tokens, None, Random(0), 0.02)
    far = [abs(i - tokens.index(word)) for i, word in enumerate(new)]
    assert 1 <= max(far) <= 3


def test_a_delete_rate_counts_words() -> None:
    tokens, _ = delete_words(WORDS, OUTSIDE, Random(1), 0.3)
    assert share(5000 - len(tokens), 5000) == pytest.approx(0.3, abs=0.03)


def test_the_last_word_is_never_deleted() -> None:
    assert delete_words(["alone"], ["O"], Random(0), 1.0) == (["alone"], ["O"])
    kept = {delete_words(["a", "b"], None, Random(seed), 1.0)[0][0] for seed in range(20)}
    assert kept == {"a", "b"}


def test_a_punctuation_rate_counts_sentences_and_marks_are_up_to_a_third() -> None:
    rng = Random(1)
    added = [
        len(insert_punctuation(WORDS[:18], OUTSIDE[:18], rng, 0.4)[0]) - 18 for _ in range(3000)
    ]
    assert share(sum(map(bool, added)), 3000) == pytest.approx(0.4, abs=0.04)
    assert {count for count in added if count} == {1, 2, 3, 4, 5, 6}


def test_marks_are_full_width_among_han_characters() -> None:
    tokens, tags = insert_punctuation(["你", "好"], ["O", "O"], Random(0), 1.0)
    assert set(tokens) - {"你", "好"} <= set("。；？：！，")
    assert tags == ["O"] * 3


def test_a_typo_rate_counts_words() -> None:
    tokens, _ = make_typos(["letters"] * 5000, None, Random(1), 0.2)
    assert share(5000 - tokens.count("letters"), 5000) == pytest.approx(0.2, abs=0.03)


def test_every_kind_of_typing_error_occurs() -> None:
    rng = Random(0)
    seen = {misspell("WORD", rng) for _ in range(500)}
    assert {"WROD", "WOD", "WRD", "WOORD", "WORRD"} <= seen
    typed = seen - {"WROD", "WOD", "WRD", "WOORD", "WORRD"}
    assert typed <= {f"W{key.upper()}RD" for key in KEYBOARD["o"]} | {
        f"WO{key.upper()}D" for key in KEYBOARD["r"]
    }
    assert typed


def test_keys_touch_each_other() -> None:
    assert set(KEYBOARD["g"]) == set("tyfhvb")
    assert all(key in KEYBOARD[other] for key, near in KEYBOARD.items() for other in near)


@pytest.mark.parametrize("word", ["abc", "2024", "http://a.b", "@someone", "don't", "的的的的1"])
def test_what_is_not_a_plain_word_is_not_misspelt(word: str) -> None:
    assert make_typos([word], None, Random(0), 1.0)[0] == [word]
