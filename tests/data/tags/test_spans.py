from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ft import DataError, FtError
from ft.data.tags.cutting import split_words
from ft.data.tags.spans import tag_words
from ft.data.tags.tags import find_illegal, spans

TEXT = "Ann Lee's in New York."


@pytest.mark.parametrize(
    ("text", "given", "words", "tags"),
    [
        (
            TEXT,
            [(0, 7, "PER"), (13, 21, "LOC")],
            "Ann Lee ' s in New York .",
            "B-PER I-PER O O O B-LOC I-LOC O",
        ),
        ("NewYork-based", [(3, 7, "X")], "NewYork - based", "B-X O O"),
        ("ภาษาไทย ก", [(4, 7, "X")], "ภ า ษ า ไ ท ย ก", "O O O O B-X I-X I-X O"),
        (TEXT, [(0, 8, "PER")], "Ann Lee ' s in New York .", "B-PER I-PER I-PER O O O O O"),
        (" Ann ", [(0, 5, "PER")], "Ann", "B-PER"),
        ("北京人", [(0, 2, "LOC")], "北 京 人", "B-LOC I-LOC O"),
        ("none", [], "none", "O"),
    ],
)
def test_spans_become_tags(text: str, given: Any, words: str, tags: str) -> None:
    found = tag_words(text, given)
    assert (found.words, found.tags) == (words.split(), tags.split())
    assert found.widened == ([("York", "NewYork")] if "NewYork" in text else [])


def test_a_text_is_cut_by_the_rule_of_the_run() -> None:
    found = tag_words("Ann's 5km-run.", [(0, 3, "PER"), (6, 9, "LONG")], "letters-digits")
    assert found.words == ["Ann", "'", "s", "5", "km", "-", "run", "."]
    assert found.tags == ["B-PER", "O", "O", "B-LONG", "I-LONG", "O", "O", "O"]
    found = tag_words("Ann's 5km-run.", [(0, 3, "PER"), (6, 9, "LONG")], "treebank")
    assert found.words == ["Ann", "'s", "5km-run", "."]
    assert found.widened == [("5km", "5km-run")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([(0, 3, "A"), (2, 5, "B")], r"the span 2 to 5 \(B\) overlaps the one of 0 to 3"),
        ([(0, 7, "A"), (0, 3, "B")], "overlaps"),
        ([(0, 99, "A")], r"the span 0 to 99 \(A\) does not fit a text of 22 characters"),
        ([(3, 3, "A")], "does not fit"),
        ([(-1, 3, "A")], "does not fit"),
        ([(3, 4, "A")], r"the span 3 to 4 \(A\) covers no word"),
        ([(0, 2, "A"), (2, 3, "B")], r"0 to 2 and 2 to 3 \(B\) have a part each of the word 'Ann'"),
    ],
)
def test_spans_that_cannot_be(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        tag_words(TEXT, given)


@settings(deadline=None)
@example("000000000\x1b1", [(1, 10)])
@given(
    st.text(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=4)
)
def test_any_spans_are_kept_whole_or_refused(text: str, given: Any) -> None:
    wanted = [(start, start + length, "X") for start, length in given]
    try:
        tagged = tag_words(text, wanted)
    except DataError:
        return
    assert find_illegal(tagged.tags) == []
    assert tagged.words == [text[start:end] for start, end in split_words(text)]
    found = ["".join(tagged.words[start:end]) for start, end, _ in spans(tagged.tags)]
    assert len(found) == len(wanted)
    for words, (start, end, _) in zip(found, sorted(wanted), strict=True):
        # A control character within a word stays in it.
        assert visible(text[start:end]) in visible(words)
        assert tagged.widened or visible(text[start:end]) == visible(words)


def visible(text: str) -> str:
    unseen = "\u200b\u2060\ufeff\u00ad"
    return "".join(
        c for c in text if unicodedata.category(c) != "Cc" and not c.isspace() and c not in unseen
    )


@pytest.mark.parametrize(
    "entities",
    [
        [{"start": 0, "end": 3, "label": "PER"}],
        [{"start": 0, "end": 3, "type": "PER", "text": "Ann"}],
        [{"start_offset": 0, "end_offset": 3, "label": "PER", "id": 7}],
        [[0, 3, "PER"]],
    ],
)
@pytest.mark.parametrize("name", ["entities", "spans", "label"])
def test_rows_with_spans(name: str, entities: Any, write: Any, words: Any) -> None:
    rows = [{"text": "Ann runs", name: entities, "id": 1}, {"text": "no", name: [], "id": 2}]
    data = words(write("a.jsonl", rows))
    assert data.splits["train"][0] == {
        "tokens": ["Ann", "runs"], "tags": ["B-PER", "O"], "text": "Ann runs", "id": 1, "line": 1
    }  # fmt: skip
    assert data.splits["train"]["tags"][1] == ["O"]
    said = any(f"the entities are read from the column '{name}'" in note for note in data.notes)
    assert said == (name != "entities")


def test_spans_in_a_csv_cell(write: Any, words: Any) -> None:
    path = write("a.csv", 'text,entities\nAnn runs,"[[0, 3, ""PER""]]"\nno,[]\nempty,\n')
    assert words(path).splits["train"]["tags"][:] == [["B-PER", "O"], ["O"], ["O"]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"text": "Ann", "entities": [[0, 9, "PER"]]},
            r"a\.jsonl:2: the span 0 to 9 \(PER\) does not",
        ),
        ({"text": "Ann", "entities": [[0, 2, "A"], [1, 3, "B"]]}, r"a\.jsonl:2: .*overlaps"),
        ({"text": "Ann", "entities": [[0, "PER"]]}, r"a\.jsonl:2: has a span that is neither"),
        (
            {"text": "Ann", "entities": [[0, 3, ""]]},
            r"a\.jsonl:2: has a span with 0 to 3 and the la",
        ),
        ({"text": "Ann", "entities": [[0.5, 3, "X"]]}, r"a\.jsonl:2: has a span with 0\.5 to 3"),
        ({"text": None, "entities": []}, r"a\.jsonl:2: has no text"),
        ({"text": "Ann", "entities": None}, r"a\.jsonl:2: has no entities; write \[\] for none"),
    ],
)
def test_bad_rows(row: Any, message: str, write: Any, words: Any) -> None:
    rows = [{"text": "Ann", "entities": [[0, 3, "PER"]]}, row]
    with pytest.raises(FtError, match=message):
        words(write("a.jsonl", rows))


def test_offsets_that_do_not_fit_the_quoted_text(write: Any, words: Any) -> None:
    span = {"start": 0, "end": 2, "label": "PER", "text": "Ann"}
    with pytest.raises(FtError, match=r":1: has a span 0 to 2 of 'An', but says it is 'Ann'"):
        words(write("a.jsonl", [{"text": "Ann", "entities": [span]}]))


def test_spans_that_end_inside_a_word_are_told(write: Any, words: Any) -> None:
    rows = [
        {"text": "Ann saw London", "entities": [[0, 3, "PER"], [8, 13, "LOC"]]},
        {"text": "Ann saw 5km", "entities": [[8, 9, "N"]]},
    ]
    data = words(write("a.jsonl", rows))
    assert data.splits["train"]["tokens"][:] == [["Ann", "saw", "London"], ["Ann", "saw", "5km"]]
    assert data.splits["train"]["tags"][:] == [["B-PER", "O", "B-LOC"], ["O", "O", "B-N"]]
    said = "2 spans begin or end inside a word, and the whole word is taken (line 1: 'Londo' in "
    assert any(said in note and "line 2: '5' in '5km'" in note for note in data.notes)
    data = words(write("a.jsonl", rows), split_words="letters-digits")
    assert data.splits["train"]["tokens"][1] == ["Ann", "saw", "5", "km"]
    assert data.schema.words.splitter == "letters-digits"
