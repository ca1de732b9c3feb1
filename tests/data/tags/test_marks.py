"""When every word needs pieces of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ft
from ft import WordsConfig, read_words


def read(folder: Path, *texts: str, **settings: str) -> ft.TaskData:
    """Data of texts in which ``<`` and ``>`` stand around a span."""
    rows = []
    for text in texts:
        spans = []
        if "<" in text:
            spans = [[text.index("<"), text.index(">") - 1, "X"]]
        rows.append({"text": text.replace("<", "").replace(">", ""), "entities": spans})
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_words(WordsConfig(train=str(path), **settings), None, owner="ner")


@pytest.mark.parametrize(
    "text",
    [
        "no span).",
        "(<Ulm>).",
        '"<Anna>", she said',
        "<Acme Inc.> said",
        "<Acme Inc.>, she said",  # the first of the marks keeps the piece
        "<-Baden> is a name",  # what a span begins with is told by what follows
        "<$5>)",
    ],
)
def test_spans_that_are_found_by_words_with_pieces_leave_texts_as_they_are(
    text: str, tmp_path: Path
) -> None:
    data = read(tmp_path, text, "<Ulm> is here")
    assert data.schema.words is not None
    assert not data.schema.words.cut


@pytest.mark.parametrize(
    "text", ['he saw "<Star Wars.">', "<Yahoo!>Japan", "a <(>b", "the <C++>, a language"]
)
def test_a_span_that_ends_with_a_mark_beside_another_word_or_mark_needs_all_pieces(
    text: str, tmp_path: Path
) -> None:
    data = read(tmp_path, text, "<Ulm> is here")
    assert data.schema.words is not None
    assert data.schema.words.cut
    said = "spans that end with a mark beside another word or mark: 1, so every word gets pieces"
    assert any(note.startswith(said) for note in data.notes)


def test_plain_tags_need_all_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("Anna NN\nlives VB\n. .\n\n" * 5, encoding="utf-8")
    data = read_words(WordsConfig(train=str(path)), None, owner="pos")
    assert data.schema.words is not None
    assert data.schema.words.scheme is None
    assert data.schema.words.cut


def test_words_whose_text_is_not_known_stand_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("Yahoo B-X\n! I-X\n! I-X\n. O\n\n" * 5, encoding="utf-8")
    data = read_words(WordsConfig(train=str(path)), None, owner="ner")
    assert data.schema.words is not None
    assert not data.schema.words.cut
