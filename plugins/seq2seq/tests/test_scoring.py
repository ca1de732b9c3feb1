"""Metrics against sacreBLEU and rouge-score, and what texts do beside being right."""

from __future__ import annotations

from typing import Any

import pytest
from sacrebleu.metrics import BLEU, CHRF

from ft_seq2seq.bleu import bleu_tokenizer
from ft_seq2seq.rouge import rouge, words
from ft_seq2seq.scoring import Written, score_texts
from ft_seq2seq.settings import Seq2SeqConfig

TEXTS = ["The cat sat on the mat.", "a dog barks at night, loudly", "it is", ""]
GOLDS = [
    ["The cat is on the mat.", "There is a cat on the mat."],
    ["A dog barks loudly at night."],
    ["It is so.", "That is it.", "it is"],
    ["Nothing."],
]


def score(texts: list[str], golds: list[list[str]], sources: Any = None, **more: Any) -> Any:
    written = Written(
        texts, golds, sources or [""] * len(texts), more.pop("cut", [False] * len(texts))
    )
    return score_texts(written, Seq2SeqConfig(**more), total=len(texts))


def test_bleu_and_chrf_are_those_of_sacrebleu() -> None:
    """Over the whole corpus, with as many references as each text has; never a mean over parts."""
    found = score(TEXTS, GOLDS)
    streams = [[one[k] if k < len(one) else None for one in GOLDS] for k in range(3)]
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        value = found.metrics[name]
        assert value.value == pytest.approx(metric.corpus_score(TEXTS, streams).score)
        assert value.low < value.value < value.high
    rows = dict(next(one for one in found.tables if one.title == "How it was scored").rows)
    assert (
        rows["bleu"]
        == "nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:"
        + (rows["bleu"].rpartition(":")[2])
    )
    halves = [
        BLEU().corpus_score(TEXTS[i : i + 2], [s[i : i + 2] for s in streams]) for i in (0, 2)
    ]
    assert found.metrics["bleu"].value != pytest.approx(sum(one.score for one in halves) / 2)


@pytest.mark.parametrize(
    ("found", "gold", "scores"),
    [  # of rouge-score 0.1.2
        ("The cat sat on the mat.", "The cat was on the mat, wasn't it?", (0.666667, 0.461538, 0.666667, 0.666667)),
        (
            "A cat sat.\nIt slept all day.\nIt didn't eat.",
            "A cat slept all day.\nThe cat sat and it didn't eat the fish.",
            (0.769231, 0.583333, 0.692308, 0.769231),
        ),
        ("", "a b", (0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_rouge_of_english_is_that_of_rouge_score(found: str, gold: str, scores: Any) -> None:
    assert rouge(found, [gold]) == pytest.approx(scores, abs=1e-6)
    assert rouge(found, ["x", gold]) == pytest.approx(scores, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Straße über Ärger", ["straße", "über", "ärger"]),
        ("cafe\u0301 caf\u00e9", ["café", "café"]),
        ("我喜欢猫。", ["我", "喜", "欢", "猫"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("AI模型2", ["ai", "模", "型", "2"]),
    ],
)
def test_rouge_keeps_the_letters_of_all_languages(text: str, found: list[str]) -> None:
    assert words(text) == found
    assert rouge(text, [text])[0] == 1


@pytest.mark.parametrize(
    ("settings", "gold", "tokenizer"),
    [
        ({}, "Das ist gut.", "13a"),
        ({}, "这很好。", "zh"),
        ({}, "これは良いです。", "char"),
        ({"target_language": "zh-CN"}, "OK", "zh"),
        ({"target_language": "ja_XX"}, "OK", "char"),
        ({"target_language": "zh", "bleu_tokenizer": "intl"}, "OK", "intl"),
    ],
)
def test_the_words_of_bleu_are_those_of_the_language(
    settings: dict[str, Any], gold: str, tokenizer: str
) -> None:
    assert bleu_tokenizer(Seq2SeqConfig(**settings), [[gold]]) == tokenizer


def test_copies_repetitions_cut_and_empty_texts_are_counted() -> None:
    sources = ["one two three four", "a b c", "x y z"]
    texts = ["one two three four", "no no no no no", ""]
    found = score(texts, [["w"] * 1] * 3, sources, cut=[False, True, False]).metrics
    values = {name: one.value for name, one in found.items()}
    assert values["copied"] == pytest.approx(1 / 3)
    # Two of five runs of three words stand in the source; two of five stood there before.
    assert values["copy"] == pytest.approx(2 / 5)
    assert values["repetition"] == pytest.approx(2 / 5)
    assert values["empty"] == values["cut"] == pytest.approx(1 / 3)
    assert values["length_ratio"] == pytest.approx(9 / 3)
    assert all(found[name].low is not None for name in values)


def test_texts_that_need_no_model_stand_beside() -> None:
    sources = ["First one. Second one. Third. Fourth.", "Just this."]
    written = Written(["a", "b"], [["First one."], ["Just that."]], sources, [False] * 2)
    found = score_texts(written, Seq2SeqConfig(), total=2, usual="First one.")
    table = next(one for one in found.tables if one.title == "Baselines")
    names = [row[0] for row in table.rows]
    assert names == [
        "the model",
        "the source itself",
        "its first sentence",
        "its first 3 sentences",
        "the most frequent target of train",
        "the references",
    ]
    of = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert of["its first sentence"]["rougeL"] == pytest.approx(75)
    assert of["the model"]["rougeL"] == 0
