"""What offsets count, by the words that spans begin and end at."""

from __future__ import annotations

from typing import Any

import pytest

from ft import FtError

TEXT = "🔥 Ann saw Müslin in Rome"
WORDS = ["Ann", "Müslin", "Rome"]


def rows(measure: Any, short: int = 0, times: int = 2) -> list[dict[str, Any]]:
    spans = []
    for word in WORDS:
        begin = measure(TEXT[: TEXT.index(word)])
        spans.append([begin, begin + measure(word) - short, "X"])
    return [{"text": TEXT, "entities": spans}] * times


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("measure", "short", "said", "setting"),
    [
        (len, 0, None, "characters"),
        (utf16, 0, "counting UTF-16 units", "utf-16"),
        (lambda text: len(text.encode()), 0, "counting bytes of UTF-8", "bytes"),
        (len, 1, "ends are read as those of the last character", "inclusive"),
    ],
)
def test_the_only_way_that_fits_is_taken_and_said(
    measure: Any, short: int, said: str | None, setting: str, write: Any, words: Any
) -> None:
    path = write("a.jsonl", rows(measure, short))
    for given in ("auto", setting):
        data = words(path, offsets=given)
        assert data.splits["train"]["tokens"][0] == ["🔥", "Ann", "saw", "Müslin", "in", "Rome"]
        assert data.splits["train"]["tags"][0] == ["O", "B-X", "O", "B-X", "O", "B-X"]
        notes = [note for note in data.notes if "spans" in note]
        assert bool(notes) == (said is not None)
        assert said is None or said in notes[0]


def test_spans_that_cut_words_are_said_with_their_lines(write: Any, words: Any) -> None:
    lines = [
        {"text": "Ann saw Rome", "entities": [[0, 2, "PER"], [8, 12, "LOC"]]},
        {"text": "Bob saw Rome", "entities": [[0, 3, "PER"], [9, 12, "LOC"]]},
    ]
    data = words(write("a.jsonl", lines))
    said = (
        "2 spans begin or end inside a word, and the whole word is taken (line 1: 'An' in 'Ann', "
    )
    said += "line 2: 'ome' in 'Rome'); mend their offsets"
    assert any(said in note for note in data.notes)
    assert data.splits["train"]["tokens"][0] == ["Ann", "saw", "Rome"]


def test_the_text_of_a_span_decides(write: Any, words: Any) -> None:
    span = {"start": 2, "end": 5, "label": "X", "text": "Ann"}
    wrong = {"start": 3, "end": 6, "label": "X", "text": "Ann"}
    data = words(write("a.jsonl", [{"text": "🔥 Ann", "entities": [span]}]))
    assert data.splits["train"]["tokens"][0] == ["🔥", "Ann"]
    data = words(write("b.jsonl", [{"text": "🔥 Ann", "entities": [wrong]}]))
    assert data.splits["train"]["tags"][0] == ["O", "B-X"]
    with pytest.raises(
        FtError, match=r"c\.jsonl:1: has a span 3 to 6 of 'nn.*', but says it is 'Ann'"
    ):
        words(write("c.jsonl", [{"text": "🔥 Ann x", "entities": [wrong]}]), offsets="characters")
