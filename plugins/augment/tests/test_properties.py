"""Whatever the sentence: tags stay aligned and legal, and each operation keeps its promise."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ft
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
from ft_augment.text import join, split

MENTIONS = {"PER": [("Ada",), ("Grace", "Brewster", "Hopper")], "LOC": [("New", "York")]}
TOKENS = {"O": ["walked", "home"], "B-PER": ["Alan"], "I-PER": ["Turing"], "B-LOC": ["Rome"]}
NEAR = {"good": ("great", "fine"), "Movie": ("Film",)}
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")

OPERATIONS = {
    "mention": lambda *a: replace_mentions(*a, mentions=MENTIONS),
    "token": lambda *a: replace_tokens(*a, words=TOKENS),
    "shuffle": shuffle_segments,
    "synonym": lambda *a: replace_synonyms(*a, neighbours=NEAR),
    "swap": swap_words,
    "delete": delete_words,
    "typo": make_typos,
    "punctuation": insert_punctuation,
}

words = st.sampled_from(
    ["good", "Movie", "the", "word", "LETTERS", "don't", "42", "@you", ".", "我", "的", "é", ""]
) | st.text(max_size=6)
outside = words.map(lambda word: [(word, "O")])
entity = st.tuples(st.sampled_from(["PER", "LOC"]), st.lists(words, min_size=1, max_size=4)).map(
    lambda drawn: [(word, ("I-" if i else "B-") + drawn[0]) for i, word in enumerate(drawn[1])]
)
sentences = st.lists(outside | entity, max_size=12).map(
    lambda parts: [pair for part in parts for pair in part]
) | st.lists(entity, min_size=1, max_size=4).map(
    lambda parts: [pair for part in parts for pair in part]
)
rates = st.sampled_from([0.0, 0.1, 0.5, 1.0])
seeds = st.integers(0, 2**64 - 1)


def legal(tags: list[str]) -> bool:
    return all(
        tag in LABELS and (tag[0] != "I" or (i > 0 and tags[i - 1] in ("B" + tag[1:], tag)))
        for i, tag in enumerate(tags)
    )


def found(tokens: list[str], tags: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The entities, in order: type and words."""
    spans: list[tuple[str, tuple[str, ...]]] = []
    for token, tag in zip(tokens, tags, strict=True):
        if tag[0] == "B":
            spans.append((tag[2:], (token,)))
        elif tag[0] == "I":
            spans[-1] = (spans[-1][0], (*spans[-1][1], token))
    return spans


def others(tokens: list[str], tags: list[str]) -> list[str]:
    return [token for token, tag in zip(tokens, tags, strict=True) if tag == "O"]


def subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(item in rest for item in part)


def run(name: str, sentence: list[tuple[str, str]], rate: float, seed: int) -> Any:
    """The sentence before and after, checked for what holds of every operation."""
    tokens, tags = [token for token, _ in sentence], [tag for _, tag in sentence]
    given_tokens, given_tags = list(tokens), list(tags)
    new_tokens, new_tags = OPERATIONS[name](given_tokens, given_tags, Random(seed), rate)
    assert (given_tokens, given_tags) == (tokens, tags), "the lists it was given were changed"
    assert len(new_tokens) == len(new_tags)
    assert legal(new_tags)
    assert bool(new_tokens) == bool(tokens)
    assert all(isinstance(token, str) for token in new_tokens)
    if rate == 0:
        assert (new_tokens, new_tags) == (tokens, tags)
    again = OPERATIONS[name](given_tokens, given_tags, Random(seed), rate)
    assert again == (new_tokens, new_tags)
    return tokens, tags, new_tokens, new_tags


@given(sentences, rates, seeds)
def test_mention_replacement_changes_mentions_alone(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run("mention", sentence, rate, seed)
    assert others(new_tokens, new_tags) == others(tokens, tags)
    before, after = found(tokens, tags), found(new_tokens, new_tags)
    assert [kind for kind, _ in after] == [kind for kind, _ in before]
    for old, new in zip(before, after, strict=True):
        assert new == old or new[1] in MENTIONS[new[0]]
    if rate == 1:
        assert all(mention in MENTIONS[kind] for kind, mention in after)


@given(sentences, rates, seeds)
def test_label_wise_replacement_keeps_every_tag(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run("token", sentence, rate, seed)
    assert new_tags == tags
    for old, new, tag in zip(tokens, new_tokens, tags, strict=True):
        assert new == old or new in TOKENS[tag]


@given(sentences, rates, seeds)
def test_shuffling_stays_within_segments(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run("shuffle", sentence, rate, seed)
    assert new_tags == tags
    segment: list[int] = []
    for i, tag in enumerate(tags):
        if tag[0] == "B" or (tag == "O" and i > 0 and tags[i - 1] != "O"):
            assert sorted(new_tokens[j] for j in segment) == sorted(tokens[j] for j in segment)
            segment = []
        segment.append(i)
    assert sorted(new_tokens[j] for j in segment) == sorted(tokens[j] for j in segment)


@pytest.mark.parametrize("name", ["synonym", "typo"])
@given(sentence=sentences, rate=rates, seed=seeds)
def test_words_inside_entities_stay(name: str, sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run(name, sentence, rate, seed)
    assert new_tags == tags
    assert found(new_tokens, new_tags) == found(tokens, tags)


@given(sentences, rates, seeds)
def test_swaps_move_entities_as_a_whole(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run("swap", sentence, rate, seed)
    assert sorted(found(new_tokens, new_tags)) == sorted(found(tokens, tags))
    assert sorted(others(new_tokens, new_tags)) == sorted(others(tokens, tags))


@given(sentences, rates, seeds)
def test_deletion_takes_words_outside_of_entities(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run("delete", sentence, rate, seed)
    assert found(new_tokens, new_tags) == found(tokens, tags)
    assert subsequence(others(new_tokens, new_tags), others(tokens, tags))
    if rate == 1:
        assert len(others(new_tokens, new_tags)) == (not found(tokens, tags) and bool(tokens))


@given(sentences, rates, seeds)
def test_punctuation_never_enters_an_entity(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, new_tags = run("punctuation", sentence, rate, seed)
    assert found(new_tokens, new_tags) == found(tokens, tags)
    assert subsequence(tokens, new_tokens)
    added = len(new_tokens) - len(tokens)
    assert added <= max(1, len(tokens) // 3)
    if rate == 1 and tokens:
        assert added >= 1


@given(sentences, rates, seeds)
def test_typing_errors_keep_the_ends_of_a_word(sentence: Any, rate: float, seed: int) -> None:
    tokens, tags, new_tokens, _ = run("typo", sentence, rate, seed)
    for old, new, tag in zip(tokens, new_tokens, tags, strict=True):
        if len(old) >= 4 and old.isalpha() and tag == "O" and rate == 1:
            assert new != old
        if new != old:
            assert len(old) >= 4
            assert old.isalpha()
            assert (new[0], new[-1]) == (old[0], old[-1])
            assert abs(len(new) - len(old)) <= 1


EVERYTHING = dict.fromkeys(OPERATIONS, 0.5)


@pytest.fixture(scope="module", params=["one", "all"])
def all_on(request: pytest.FixtureRequest, start: Any) -> Any:
    train = {
        "tokens": [["Ada", "Lovelace", "saw", "a", "good", "movie", "in", "Rome"], ["fine"]],
        "tags": [["B-PER", "I-PER", "O", "O", "O", "O", "O", "B-LOC"], ["O"]],
    }
    schema = ft.Schema(words=ft.Words(labels=LABELS))
    return start(train, schema, probability=1, combine=request.param, **EVERYTHING)


@given(batch=st.lists(sentences, min_size=1, max_size=4), epoch=st.integers(1, 3))
def test_everything_together_stays_legal(all_on: Any, batch: Any, epoch: int) -> None:
    examples = {
        "tokens": [[token for token, _ in sentence] for sentence in batch],
        "tags": [[tag for _, tag in sentence] for sentence in batch],
        "example_id": list(range(len(batch))),
    }
    new = all_on.encode(examples, epoch)
    for sentence, tokens, tags in zip(batch, new["tokens"], new["tags"], strict=True):
        assert len(tokens) == len(tags)
        assert legal(tags)
        assert bool(tokens) == bool(sentence)
    assert examples["tokens"] == [[token for token, _ in sentence] for sentence in batch]
    assert examples["tags"] == [[tag for _, tag in sentence] for sentence in batch]
    assert all_on.encode(examples, epoch) == new


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(" \n\t我的カ,."), max_size=40))
def test_a_text_is_its_words_and_its_spacing(value: str) -> None:
    words, gaps = split(value)
    assert join(words, gaps) == value
    assert len(gaps) == len(words) + 1
    assert not any(gap.strip() for gap in gaps)


@pytest.fixture(scope="module")
def on_texts(start: Any) -> Any:
    schema = ft.Schema(texts=(ft.Text("text"),))
    train = {"text": ["a good movie", "a fine film"]}
    return start(train, schema, probability=1, combine="all", **EVERYTHING)


@given(value=st.text(st.sampled_from("abcdE .,!\n\t我的カ"), max_size=60), epoch=st.integers(1, 9))
def test_a_text_never_ends_up_empty(on_texts: Any, value: str, epoch: int) -> None:
    (new,) = on_texts.encode({"text": [value], "example_id": [0]}, epoch)["text"]
    assert bool(new.split()) == bool(value.split())
    if not value.split():
        assert new == value
