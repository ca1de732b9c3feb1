"""For every family of tokenizers: what evaluation counted is what running text is answered with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

import ft

FAMILIES = {
    "WordPiece": "Bert",
    "byte-level": "Roberta",
    "byte-level behind a pattern": "Llama 3",
    "Unigram with a prefix at every word": "XLMRoberta",
    "Unigram with a prefix at the beginning": "DebertaV2",
    "SentencePiece of a decoder": "Llama",
}

Row = dict[str, Any]


def train(rows: list[Row], family: str, folder: Path, load: Any, **settings: Any) -> Any:
    """A run of ``ner`` with a small encoder and the family's tokenizer."""
    tokenizer = load("families").make_tokenizer(family)
    tokenizer.model_max_length = 128
    pad = tokenizer.pad_token_id
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=0 if pad is None else pad,
    )
    BertModel(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ft.run(
        ["ner"],
        ner={"train": str(data), "test": str(data), **settings},
        model=str(folder / "model"),
        epochs=15,
        batch_size=10,
        learning_rate=1e-2,
        precision="fp32",
        device="cpu",
        lint="off",
        report=False,
        advice=False,
        output=folder / "run",
    )


def found(run: Path, rows: list[Row]) -> list[list[tuple[str, int, int]]]:
    """The entities that `ft predict` finds in the texts, by characters."""
    answers = ft.predict(run, [row["text"] for row in rows])
    return [[(e["type"], e["start"], e["end"]) for e in one["entities"]] for one in answers]


def counted(run: Path, rows: list[Row]) -> list[list[tuple[str, int, int]]]:
    """The entities that evaluation counted, by characters."""
    lines = (run / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    places = [one["offsets"] for one in ft.predict(run, [row["text"] for row in rows])]
    return [
        [(e["type"], at[e["first"]][0], at[e["last"]][1]) for e in json.loads(line)["entities"]]
        for line, at in zip(lines, places, strict=True)
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_entities_of_running_text_are_those_that_evaluation_counted(
    family: str, load: Any, tmp_path: Path
) -> None:
    rows = load("families").examples(40)
    result = train(rows, FAMILIES[family], tmp_path, load)
    assert result.metrics["test"]["f1"].value > 0.5
    answers = found(result.output, rows)
    assert answers == counted(result.output, rows)
    gold = [[(kind, start, end) for start, end, kind in row["entities"]] for row in rows]
    right = sum(len(set(one) & set(other)) for one, other in zip(answers, gold, strict=True))
    precision, recall = (right / sum(map(len, side)) for side in (answers, gold))
    f1 = 2 * precision * recall / (precision + recall)
    assert f1 == pytest.approx(result.metrics["test"]["f1"].value, abs=1e-6)


def spans(*texts: str) -> list[Row]:
    """Rows of texts in which ``<`` and ``>`` stand around what is to be found."""
    rows = []
    for text in texts:
        start, end = text.index("<"), text.index(">") - 1
        plain = text.replace("<", "").replace(">", "")
        rows.append({"text": plain, "entities": [[start, end, "X"]]})
    return rows * 10


@pytest.mark.parametrize("decoding", ["legal", "argmax"])
def test_spans_with_marks_that_have_no_piece_of_their_own_are_learnt(
    decoding: str, load: Any, tmp_path: Path
) -> None:
    rows = spans(
        '"<Anna>" met Ben.',
        "<-Baden> is here.",
        "We met in <Baden-Baden>).",
        "in (<$5>).",
        "Anna took the <A320neo> to Ulm.",
    )
    result = train(rows, "Llama 3", tmp_path, load, decoding=decoding)
    assert not json.loads((result.output / "task.json").read_text())["schema"]["words"]["cut"]
    assert found(result.output, rows) == [
        [(kind, start, end) for start, end, kind in row["entities"]] for row in rows
    ]


def test_every_word_has_its_pieces_where_a_span_ends_with_a_mark_that_may_have_none(
    load: Any, tmp_path: Path
) -> None:
    rows = spans('He saw "<Anna lives.">', "We met in <Ulm>).", "Ben took the <A143b>, not A143.")
    result = train(rows, "Roberta", tmp_path, load)
    assert any(
        note.startswith("spans that end with a mark beside another word or mark: 10,")
        for note in notes(result.output)
    )
    assert found(result.output, rows) == [
        [(kind, start, end) for start, end, kind in row["entities"]] for row in rows
    ]


def notes(run: Path) -> list[str]:
    return json.loads((run / "record.json").read_text(encoding="utf-8"))["notes"]
