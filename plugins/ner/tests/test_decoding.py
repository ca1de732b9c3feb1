"""Legal sequences and the entities that tags mean, against brute force and seqeval."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from seqeval.metrics.sequence_labeling import get_entities

from ft import tags as schemes
from ft_ner.decoding import allowed_transitions, choose_tags, entities

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
ALLOWED = allowed_transitions(LABELS)

logits = (
    st.integers(1, 5)
    .flatmap(lambda words: arrays(np.int8, (words, len(LABELS)), elements=st.integers(-80, 80)))
    .map(lambda tenths: (tenths / 10).astype(np.float32))
)
sequences = st.lists(st.sampled_from(LABELS), max_size=12)


def log_probability(logits: np.ndarray, ids: tuple[int, ...]) -> float:
    wide = logits.astype(np.float64)
    normaliser = np.log(np.exp(wide).sum(-1))
    return float(sum(wide[i, k] - normaliser[i] for i, k in enumerate(ids)))


@given(logits)
def test_the_legal_choice_is_the_likeliest_legal_sequence(logits: np.ndarray) -> None:
    chosen, _ = choose_tags(logits, ALLOWED)
    tags = [LABELS[k] for k in chosen]
    assert schemes.find_illegal(tags) == []
    best = max(
        log_probability(logits, ids)
        for ids in product(range(len(LABELS)), repeat=len(logits))
        if not schemes.find_illegal([LABELS[k] for k in ids])
    )
    assert log_probability(logits, tuple(chosen)) == pytest.approx(best, abs=1e-4)


@given(logits)
def test_the_free_choice_is_the_likeliest_tag_of_each_word(logits: np.ndarray) -> None:
    chosen, _ = choose_tags(logits)
    assert chosen.tolist() == logits.argmax(-1).tolist()


@given(logits)
def test_a_legal_free_choice_stays(logits: np.ndarray) -> None:
    free, _ = choose_tags(logits)
    if not schemes.find_illegal([LABELS[k] for k in free]):
        assert choose_tags(logits, ALLOWED)[0].tolist() == free.tolist()


@given(logits)
def test_probabilities_sum_to_one_whatever_is_chosen(logits: np.ndarray) -> None:
    _, probabilities = choose_tags(logits, ALLOWED)
    assert probabilities.shape == logits.shape
    assert probabilities.sum(-1) == pytest.approx(np.ones(len(logits)), abs=1e-5)


def test_an_illegal_argmax_is_put_right() -> None:
    # The second word alone prefers I-PER, but nothing opens a PER before it.
    sure = np.full((2, len(LABELS)), -9.0)
    sure[0, LABELS.index("O")] = sure[1, LABELS.index("I-PER")] = 9.0
    sure[1, LABELS.index("B-PER")] = 8.0
    assert [LABELS[k] for k in choose_tags(sure)[0]] == ["O", "I-PER"]
    assert [LABELS[k] for k in choose_tags(sure, ALLOWED)[0]] == ["O", "B-PER"]


def test_bare_tags_keep_to_the_scheme() -> None:
    begin, follow = allowed_transitions(("O", "B", "I"))
    assert begin.tolist() == [True, True, False]
    assert follow[:, 2].tolist() == [False, True, True]


@given(sequences)
def test_entities_are_those_of_seqeval(tags: list[str]) -> None:
    words = [f"w{i}" for i in range(len(tags))]
    found = [(e["type"], e["first"], e["last"]) for e in entities(tags, np.ones(len(tags)), words)]
    assert found == get_entities(tags)


@given(
    sequences, st.lists(st.sampled_from(("a", "Zürich", "北", "😀", ".")), min_size=12, max_size=12)
)
def test_offsets_cut_the_entity_out_of_the_text(tags: list[str], pool: list[str]) -> None:
    words = pool[: len(tags)]
    text, offsets = "", []
    for word in words:
        text += " " if text else ""
        offsets.append([len(text), len(text) + len(word)])
        text += word
    scores = np.linspace(0.1, 0.9, len(tags))
    for entity in entities(tags, scores, words, text, offsets):
        inside = slice(entity["first"], entity["last"] + 1)
        assert text[entity["start"] : entity["end"]] == entity["text"] == " ".join(words[inside])
        assert entity["score"] == pytest.approx(scores[inside].mean(), abs=1e-6)


def test_without_offsets_an_entity_has_words_alone() -> None:
    (entity,) = entities(["B-LOC", "I-LOC"], [0.5, 1.0], ["New", "York"], "New York", None)
    assert entity == {"type": "LOC", "score": 0.75, "text": "New York", "first": 0, "last": 1}
