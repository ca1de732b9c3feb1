"""The saved model in transformers' own pipeline finds what `ft predict` finds."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import ft
from ft import tags as schemes
from ft_kit import tiny_bert

NAMES = ("anna", "ben", "clara")
PLACES = ("london", "paris", "new york", "北京")
OTHER = ("went", "to", "the", "and", "saw", "a", "house", "in", ",", ".", "!", "我", "在")

TEXTS = {
    "plain": "anna went to london",
    "punctuation": "Anna, clara and 'ben' (paris) saw: the house!",
    "joined by punctuation": "anna-ben/clara paris.london",
    "letter case": "CLARA WENT TO NEW YORK",
    "letters that fold": "Ánna wént to PARÍS, İstanbul, ﬁnal ½ ß",
    "Chinese": "我在北京, anna",
    "Chinese without spaces": "我在北京和anna",
    "Korean and Arabic": "한국어 anna لندن paris",
    "white space": "  anna\tsaw\n\nparis\u00a0and\u2003ben ",
    "control characters": "anna\x00 saw\x07 paris",
    "unknown words": "q1 zz8 anna Ωmega paris",
    "an entity that nothing opens": "the york and york york ben",
    "spaces alone": "   ",
    "empty": "",
}


def conll(path: Path) -> str:
    rng = random.Random(0)
    blocks = []
    for _ in range(200):
        lines = []
        for words in rng.choices((*NAMES, *PLACES, *OTHER), k=rng.randint(2, 9)):
            kind = "PER" if words in NAMES else "LOC" if words in PLACES else ""
            parts = list(words) if words == "北京" else words.split()
            for i, word in enumerate(parts):
                lines.append(f"{word} {('I-' if i else 'B-') + kind if kind else 'O'}")
        blocks.append("\n".join(lines))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same model under both ways of decoding."""
    folder = tmp_path_factory.mktemp("parity")
    vocabulary = [part for words in (*NAMES, *PLACES[:3], *OTHER) for part in words.split()]
    model = tiny_bert(folder / "tiny", [*vocabulary, "北", "京"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(folder / "cache"))
        return {
            decoding: ft.run(
                ["ner"],
                ner={"train": conll(folder / "train.conll"), "decoding": decoding},
                model=str(model),
                epochs=4,
                learning_rate=1e-2,
                precision="fp32",
                device="cpu",
                lint="off",
                output=folder / decoding,
            ).output
            for decoding in ("argmax", "legal")
        }


@pytest.fixture(scope="module")
def pipe(runs: Mapping[str, Path]) -> Any:
    from transformers import pipeline

    return pipeline(
        "token-classification", str(runs["argmax"] / "model"), aggregation_strategy="first"
    )


def check(found: Mapping[str, Any], expected: list[dict[str, Any]], text: str) -> None:
    """Entities as `ft predict` and as the pipeline give them are the same."""
    ours = [(one["type"], one["start"], one["end"]) for one in found["entities"]]
    theirs = [(one["entity_group"], int(one["start"]), int(one["end"])) for one in expected]
    assert ours == theirs, repr(text)
    scores = [one["score"] for one in found["entities"]]
    assert scores == pytest.approx([float(one["score"]) for one in expected], abs=1e-4)


@pytest.mark.parametrize("kind", TEXTS)
def test_ft_predict_finds_what_the_pipeline_finds(
    kind: str, runs: Mapping[str, Path], pipe: Any
) -> None:
    text = TEXTS[kind]
    (free,) = ft.predict(runs["argmax"], text)
    check(free, pipe(text), text)
    for entity in free["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
    (legal,) = ft.predict(runs["legal"], text)
    if not schemes.find_illegal(free["tags"]):
        assert legal == free
    else:
        assert schemes.find_illegal(legal["tags"]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "combining marks": ("a\u0301nna saw pari\u0301s", ["a\u0301nna", "pari\u0301s"]),
        "invisible characters": ("an\u200bna saw pa\u00adris", ["an\u200bna", "pa\u00adris"]),
    }.values(),
    ids=("combining marks", "invisible characters"),
)
def test_words_with_characters_that_the_tokenizer_drops_stay_whole(
    text: str, words: list[str], runs: Mapping[str, Path], pipe: Any
) -> None:
    """The pipeline takes such a word for the rest of the word before it; `ft predict` does not."""
    (found,) = ft.predict(runs["argmax"], text)
    assert [entity["text"] for entity in found["entities"]] == words
    assert len(pipe(text)) < len(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("😀 anna 👩‍👩‍👧 in 🇬🇧london", ["anna", "london"]),
        ("[CLS] anna [SEP] paris [MASK] [UNK]", ["anna", "paris"]),
    ],
    ids=("emoji", "names of special tokens"),
)
def test_what_stands_beside_a_word_is_a_word_of_its_own(
    text: str, words: list[str], runs: Mapping[str, Path]
) -> None:
    """The pipeline takes an emoji for a part of the word, and ``[CLS]`` for what the model adds."""
    (found,) = ft.predict(runs["argmax"], text)
    assert [entity["text"] for entity in found["entities"]] == words


def test_random_texts_too(runs: Mapping[str, Path], pipe: Any) -> None:
    rng = random.Random(1)
    parts = [*" ".join(TEXTS.values()).split(" "), " ", "  ", "-", ".", "york", "北", "京", "##a"]
    texts = ["".join(rng.choices(parts, k=rng.randint(1, 10))) for _ in range(300)]
    free, legal = (ft.predict(runs[decoding], texts) for decoding in ("argmax", "legal"))
    limit = pipe.tokenizer.model_max_length
    agreed = mended = entities = 0
    for text, one, other in zip(texts, free, legal, strict=True):
        if len(pipe.tokenizer(text)["input_ids"]) > limit:
            continue
        check(one, pipe(text), text)
        entities += len(one["entities"])
        if schemes.find_illegal(one["tags"]):
            assert schemes.find_illegal(other["tags"]) == []
            mended += 1
        else:
            assert one == other
            agreed += 1
    assert min(agreed, mended) > 20
    assert entities > 200


def test_a_batch_changes_nothing(runs: Mapping[str, Path]) -> None:
    texts = list(TEXTS.values())
    together = ft.predict(runs["argmax"], texts)
    for text, one in zip(texts, together, strict=True):
        (alone,) = ft.predict(runs["argmax"], [text])
        assert alone["tags"] == one["tags"]
        assert alone["scores"] == pytest.approx(one["scores"], abs=1e-4)
