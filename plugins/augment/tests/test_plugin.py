"""The technique as a run sees it: `load_data`, `encode`, what it says and what it refuses."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

import ft
from ft_augment import AugmentConfig

NER = ft.Schema(words=ft.Words(labels=("O", "B-LOC", "I-LOC")))
TEXT = ft.Schema(texts=(ft.Text("text"),), label=ft.Label())
OPERATIONS = ("mention", "token", "shuffle", "synonym", "swap", "delete", "punctuation", "typo")
OFF = dict.fromkeys(OPERATIONS, 0)
ALWAYS = {"probability": 1, "combine": "all"}
EVERYTHING = {**dict.fromkeys(OPERATIONS, 0.5), **ALWAYS}

SENTENCES = [
    (
        ["a", "good", "movie", "from", "New", "York", "City"],
        ["O"] * 4 + ["B-LOC", "I-LOC", "I-LOC"],
    ),
    (["Rome", "Oslo", "and", "several", "other", "places"], ["B-LOC", "B-LOC"] + ["O"] * 4),
    (["nothing", "happened", "there", "yesterday"], ["O"] * 4),
    ([], []),
]
TRAIN = {"tokens": [t for t, _ in SENTENCES], "tags": [g for _, g in SENTENCES]}


def batch(*ids: int) -> dict[str, list[Any]]:
    return {
        "tokens": [list(SENTENCES[i % 4][0]) for i in ids],
        "tags": [list(SENTENCES[i % 4][1]) for i in ids],
        "line": [10 + i for i in ids],
        "example_id": list(ids),
    }


def variants(examples: Any) -> dict[int, Any]:
    return dict(
        zip(
            examples["example_id"],
            zip(examples["tokens"], examples["tags"], strict=True),
            strict=True,
        )
    )


def test_evaluation_gets_the_examples_themselves(start: Any) -> None:
    examples = batch(0, 1)
    assert start(TRAIN, NER, **EVERYTHING).encode(examples, training=False) is examples


def test_a_variant_depends_on_seed_epoch_and_example_alone(start: Any) -> None:
    first, second = start(TRAIN, NER, **EVERYTHING), start(TRAIN, NER, **EVERYTHING)
    together = variants(first.encode(batch(0, 1, 2, 3), epoch=2))
    second.encode(batch(2), epoch=1)
    assert (
        variants(second.encode(batch(2, 0), epoch=2))
        | variants(second.encode(batch(3, 1), epoch=2))
        == together
    )
    many = [batch(i)["tokens"][0] for i in range(100)]
    ids = list(range(100))
    examples = {"tokens": many, "tags": [SENTENCES[i % 4][1] for i in ids], "example_id": ids}
    by_epoch = [variants(first.encode(examples, epoch=epoch)) for epoch in (1, 2)]
    other_seed = variants(start(TRAIN, NER, seed=1, **EVERYTHING).encode(examples))
    for other in (by_epoch[1], other_seed):
        different = sum(by_epoch[0][i] != other[i] for i in ids)
        assert 50 < different <= 75


def test_variants_stay_the_same_from_release_to_release(start: Any) -> None:
    """A resumed run must see what the first one would have: this output is part of the contract."""
    started = start(TRAIN, NER, **EVERYTHING)
    tokens, tags = variants(started.encode(batch(0, 1), epoch=3))[0]
    assert " ".join(tokens) == "movoe City New York gret a"
    assert " ".join(tags) == "O B-LOC I-LOC I-LOC O O"


def test_what_was_given_stays_as_it_was(start: Any) -> None:
    examples = batch(0, 1, 2, 3)
    before = copy.deepcopy(examples)
    new = start(TRAIN, NER, **EVERYTHING).encode(examples)
    assert examples == before
    assert new["line"] is examples["line"]
    assert list(new) == list(examples)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_probability_is_the_share_of_examples_that_are_altered(
    start: Any, probability: float
) -> None:
    started = start(TRAIN, NER, **{**OFF, "punctuation": 1}, probability=probability)
    ids = [4 * i for i in range(1000)]
    new = started.encode(batch(*ids))
    changed = sum(tokens != SENTENCES[0][0] for tokens in new["tokens"])
    assert changed / 1000 == pytest.approx(probability, abs=0.05)


@pytest.mark.parametrize(("combine", "least", "most"), [("one", 0.45, 0.55), ("all", 0.95, 1)])
def test_one_operation_or_all(start: Any, combine: str, least: float, most: float) -> None:
    settings = {**OFF, "punctuation": 1, "delete": 1, "probability": 1, "combine": combine}
    started = start({"text": ["x"]}, TEXT, **settings)
    texts = [f"word number {i}" for i in range(1000)]
    new = started.encode({"text": texts, "example_id": list(range(1000))})["text"]
    assert least <= sum(len(text.split()) <= 2 for text in new) / 1000 <= most
    assert all(text.split() for text in new)


def test_copies_multiply_the_training_split_alone(start: Any) -> None:
    started = start(TRAIN, NER, copies=3)
    splits = started.run.data.splits
    assert splits["train"]["tokens"] == TRAIN["tokens"] * 3
    assert splits["test"]["tokens"] == TRAIN["tokens"]
    assert "3 copies of each of 4 training examples" in started.run.data.notes[0]


def test_a_single_copy_leaves_the_data_alone(start: Any) -> None:
    data = ft.TaskData(start(TRAIN, NER).run.data.splits, NER)
    assert start(TRAIN, NER).plugin.load_data(lambda run: data, None) is data


def test_every_copy_is_a_variant_of_its_own_and_the_first_the_original(start: Any) -> None:
    started = start(TRAIN, NER, copies=50, **EVERYTHING)
    seen = variants(started.encode(batch(*range(200))))
    assert all(seen[i] == SENTENCES[i] for i in range(4))
    assert len({str(seen[i]) for i in range(0, 200, 4)}) > 40
    marks = {**OFF, **ALWAYS, "punctuation": 1}
    all_altered = start(TRAIN, NER, copies=50, keep_original=False, **marks)
    assert all_altered.encode(batch(0))["tokens"][0] != SENTENCES[0][0]


def test_copies_are_not_counted_as_evidence(start: Any) -> None:
    once = start(TRAIN, NER, **EVERYTHING)
    many = start(TRAIN, NER, copies=5, keep_original=False, **EVERYTHING)
    assert once.encode(batch(0, 1, 2)) == many.encode(batch(0, 1, 2))


def test_a_split_that_changed_after_copying_is_refused(start: Any) -> None:
    started = start(TRAIN, NER, copies=2)
    splits = started.run.data.splits
    splits["train"] = splits["train"].select(range(7))
    with pytest.raises(ft.PluginError) as error:
        started.encode(batch(0))
    assert "had 4 examples" in str(error.value)
    assert "now has 7" in str(error.value)
    assert "augment.copies" in str(error.value)
    assert "name augment last in --plugins" in str(error.value)


def test_both_texts_of_a_pair_are_altered_and_other_columns_are_not(start: Any) -> None:
    schema = ft.Schema(texts=(ft.Text("text"), ft.Text("pair")), label=ft.Label())
    train = {"text": ["one two"], "pair": ["three four"], "label": ["yes"]}
    started = start(train, schema, **{**OFF, "punctuation": 1}, **ALWAYS)
    new = started.encode({**train, "example_id": [0]})
    assert len(new["text"][0]) > len("one two")
    assert len(new["pair"][0]) > len("three four")
    assert new["label"] == ["yes"]


def test_a_text_that_offsets_point_into_stays(start: Any) -> None:
    schema = ft.Schema(texts=(ft.Text("question"), ft.Text("context", editable=False)))
    train = {"question": ["who came", None], "context": ["Ada came home", "x"]}
    started = start(train, schema, **{**OFF, "punctuation": 1}, **ALWAYS)
    new = started.encode({**train, "example_id": [0, 1]})
    assert new["question"][0] != "who came"
    assert new["question"][1] is None
    assert new["context"] is train["context"]


def test_synonyms_come_from_the_models_embeddings(start: Any) -> None:
    started = start(TRAIN, NER, **{**OFF, "synonym": 1}, **ALWAYS)
    started.plugin.on_run_start(started.run)
    tokens = started.encode(batch(0))["tokens"][0]
    assert tokens[1] in {"great", "fine"}
    assert tokens[2] == "film"
    assert tokens[:1] + tokens[3:] == ["a", "from", "New", "York", "City"]
    assert started.run.asked == 1


def test_a_resumed_run_keeps_the_neighbours_that_the_first_one_found(start: Any) -> None:
    first, resumed = start(TRAIN, NER, **EVERYTHING), start(TRAIN, NER, **EVERYTHING)
    assert first.plugin.state_dict() == {}
    expected = first.encode(batch(*range(40)), epoch=2)
    state = json.loads(json.dumps(first.plugin.state_dict()))
    trained = (dict.fromkeys(("good", "movie"), 0), np.zeros((1, 3), np.float32))
    resumed.run.word_embeddings = lambda: trained
    resumed.plugin.on_run_start(resumed.run)
    assert resumed.encode(batch(*range(40)), epoch=2) != expected
    resumed.plugin.load_state_dict(state)
    assert resumed.encode(batch(*range(40)), epoch=2) == expected
    assert resumed.plugin.state_dict() == state


def test_embeddings_are_not_asked_for_without_synonyms(start: Any) -> None:
    started = start(TRAIN, NER, **{**EVERYTHING, "synonym": 0})
    started.encode(batch(0))
    assert started.run.asked == 0


def test_plain_tags_move_with_their_words(start: Any) -> None:
    schema = ft.Schema(words=ft.Words(labels=("DET", "NOUN"), scheme=None))
    train = {"tokens": [["the", "house", "table"]], "tags": [["DET", "NOUN", "NOUN"]]}
    started = start(train, schema, **EVERYTHING)
    ids = list(range(200))
    new = started.encode({**{k: v * 200 for k, v in train.items()}, "example_id": ids})
    for tokens, tags in zip(new["tokens"], new["tags"], strict=True):
        assert len(tokens) == len(tags) >= 1
        assert set(tags) <= {"DET", "NOUN"}
        assert not set(tokens) & set(".;?:!,")
    assert any(
        said.endswith("lacks the tags for it: mention, punctuation") for said in started.run.said
    )


def test_words_without_tags(start: Any) -> None:
    schema = ft.Schema(words=ft.Words(tags=None))
    started = start({"tokens": TRAIN["tokens"]}, schema, **{**OFF, **ALWAYS, "typo": 1})
    new = started.encode({"tokens": [["something", "happened"]], "example_id": [0]})
    assert "tags" not in new
    assert new["tokens"][0] != ["something", "happened"]


def test_a_column_with_a_value_a_word_is_withheld_if_words_move(start: Any) -> None:
    train = {**TRAIN, "offsets": [list(range(len(t))) for t in TRAIN["tokens"]]}
    examples = {**batch(0), "offsets": [[0, 1, 2, 3, 4, 5, 6]]}
    moving = start(train, NER, **EVERYTHING)
    assert "offsets" not in moving.encode(examples)
    assert any("'offsets' has one value a word and is withheld" in s for s in moving.run.said)
    assert "offsets" in moving.encode(examples, training=False)
    in_place = start(train, NER, **{**OFF, "typo": 1})
    assert in_place.encode(examples)["offsets"] is examples["offsets"]


def test_the_run_says_what_will_happen(start: Any) -> None:
    started = start(
        {"text": ["a good movie"]}, TEXT, **{**OFF, "mention": 0.3, "swap": 0.1}, probability=0.5
    )
    started.plugin.on_run_start(started.run)
    assert started.run.said == [
        "augment: swap 0.1; an example is altered with probability 0.5 in an epoch",
        "augment: not applied, as this data lacks the tags for it: mention",
    ]
    idle = start({"text": ["x"]}, TEXT, **OFF)
    idle.encode({"text": ["x"], "example_id": [0]})
    assert "nothing is altered" in idle.run.said[0]
    strange = start({"text": ["zzz"]}, TEXT, **{**OFF, "synonym": 1})
    strange.encode({"text": ["x"], "example_id": [0]})
    assert "no training word has a neighbour" in strange.run.said[1]


def test_tags_of_another_scheme_are_refused(start: Any) -> None:
    with pytest.raises(ft.PluginError) as error:
        start({"price": [1.0]}, ft.Schema(words=ft.Words(scheme="BIOES")))
    assert "scheme 'BIOES'" in str(error.value)
    assert "plugin augment (ft-augment)" in str(error.value)
    assert "to do:" in str(error.value)


@pytest.mark.parametrize("bad", [{"swap": 1.5}, {"mention": -0.1}, {"copies": 0}, {"swaps": 0.1}])
def test_settings_that_do_not_fit_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        AugmentConfig(**bad)
