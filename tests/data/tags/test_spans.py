from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft import DataError, FtError
from ft.data.tags.spans import split_words, words_with_tags
from ft.data.tags.tags import find_illegal, spans

TEXT = "Ann Lee's in New York."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT, "Ann Lee ' s in New York ."),
        ("a_b c-d 3.5", "a_b c - d 3 . 5"),
        ("我住北京 Hotel3号。", "我 住 北 京 Hotel3 号 。"),
        ("カナ한국 말", "カ ナ 한국 말"),
        ("हिन्दी में", "हिन्दी में"),
        ("ภาษาไทย", "ภาษาไทย"),
        ("cafe\u0301s zwj\u200djoin", "cafe\u0301s zwj\u200djoin"),
        ("zero\u200bwidth \ufeffbom", "zero width bom"),
        ("a\u00a0b\u3000c", "a b c"),
        ("👍🏽!", "👍 🏽 !"),
        ("", ""),
        (" \n\t", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    assert [text[start:end] for start, end in split_words(text)] == words.split(
        " " if words else None
    )


@settings(deadline=None)
@given(st.text(max_size=40))
def test_words_cover_what_is_visible_in_order(text: str) -> None:
    words = split_words(text)
    at = 0
    for start, end in words:
        assert at <= start < end
        at = end
    covered = "".join(text[start:end] for start, end in words)
    hidden = set("\u200b\u2060\ufeff\u00ad")
    assert covered == "".join(c for c in text if not c.isspace() and c not in hidden)


@pytest.mark.parametrize(
    ("text", "given", "words", "tags"),
    [
        (
            TEXT,
            [(0, 7, "PER"), (13, 21, "LOC")],
            "Ann Lee ' s in New York .",
            "B-PER I-PER O O O B-LOC I-LOC O",
        ),
        ("NewYork-based", [(3, 7, "X")], "New York - based", "O B-X O O"),
        ("abcdef", [(0, 2, "X"), (2, 4, "X")], "ab cd ef", "B-X B-X O"),
        (TEXT, [(0, 8, "PER")], "Ann Lee ' s in New York .", "B-PER I-PER I-PER O O O O O"),
        (" Ann ", [(0, 5, "PER")], "Ann", "B-PER"),
        ("北京人", [(0, 2, "LOC")], "北 京 人", "B-LOC I-LOC O"),
        ("none", [], "none", "O"),
    ],
)
def test_spans_become_tags(text: str, given: Any, words: str, tags: str) -> None:
    assert words_with_tags(text, given) == (words.split(), tags.split())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([(0, 3, "A"), (2, 5, "B")], r"the span 2 to 5 \(B\) overlaps the one of 0 to 3"),
        ([(0, 7, "A"), (0, 3, "B")], "overlaps"),
        ([(0, 99, "A")], r"the span 0 to 99 \(A\) does not fit a text of 22 characters"),
        ([(3, 3, "A")], "does not fit"),
        ([(-1, 3, "A")], "does not fit"),
        ([(3, 4, "A")], r"the span 3 to 4 \(A\) covers no word"),
    ],
)
def test_spans_that_cannot_be(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        words_with_tags(TEXT, given)


@settings(deadline=None)
@given(
    st.text(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=4)
)
def test_any_spans_are_kept_whole_or_refused(text: str, given: Any) -> None:
    wanted = [(start, start + length, "X") for start, length in given]
    try:
        words, tags = words_with_tags(text, wanted)
    except DataError:
        return
    assert find_illegal(tags) == []
    hidden = set("\u200b\u2060\ufeff\u00ad")
    found = ["".join(words[start:end]) for start, end, _ in spans(tags)]
    assert found == [
        "".join(c for c in text[start:end] if not c.isspace() and c not in hidden)
        for start, end, _ in sorted(wanted)
    ]


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
        "tokens": ["Ann", "runs"], "tags": ["B-PER", "O"], "id": 1, "line": 1
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
