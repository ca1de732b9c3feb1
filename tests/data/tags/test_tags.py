from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ft import DataError
from ft.data.tags.tags import (
    SCHEMES,
    find_illegal,
    from_bio2,
    join_tag,
    spans,
    split_tag,
    tags_from_spans,
    to_bio2,
)

ANY_TAG = st.sampled_from(
    ["O", *(f"{letter}-{kind}" for letter in "BIESMLUW" for kind in ("PER", "LOC"))]
)


@st.composite
def sentences(draw: st.DrawFn) -> list[str]:
    """Legal BIO2 tags."""
    tags: list[str] = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["PER", "LOC", "date-time", ""]))
        words = draw(st.integers(1, 4))
        if draw(st.booleans()):
            tags += [join_tag("B" if i == 0 else "I", kind) for i in range(words)]
        else:
            tags += ["O"] * words
    return tags


@settings(deadline=None)
@given(sentences())
def test_every_scheme_and_back(tags: list[str]) -> None:
    for scheme in SCHEMES:
        there = from_bio2(tags, scheme)
        assert find_illegal(there, scheme) == []
        if scheme != "IO":
            assert to_bio2(there) == tags
            assert spans(there) == spans(tags)


@settings(deadline=None)
@given(sentences())
def test_io_merges_only_touching_spans_of_one_type(tags: list[str]) -> None:
    merged: list[tuple[int, int, str]] = []
    for start, end, kind in spans(tags):
        if merged and merged[-1][1:] == (start, kind):
            start = merged.pop()[0]
        merged.append((start, end, kind))
    assert spans(from_bio2(tags, "IO")) == merged


@settings(deadline=None)
@given(sentences())
def test_spans_and_back(tags: list[str]) -> None:
    assert tags_from_spans(len(tags), spans(tags)) == tags


@settings(deadline=None)
@given(st.lists(ANY_TAG, max_size=20))
def test_any_sequence_becomes_legal_and_means_the_same(tags: list[str]) -> None:
    repaired = to_bio2(tags)
    assert find_illegal(repaired) == []
    assert spans(repaired) == spans(tags)
    assert [tag == "O" for tag in repaired] == [tag == "O" for tag in tags]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), max_size=20))
def test_spans_agree_with_seqeval(tags: list[str]) -> None:
    get_entities = pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities
    theirs = [(start, end + 1, kind) for kind, start, end in get_entities(tags)]
    assert spans(tags) == theirs


@pytest.mark.parametrize(
    ("scheme", "tags", "illegal"),
    [
        ("BIO2", "O I-PER", [1]),
        ("BIO2", "I-PER O", [0]),
        ("BIO2", "B-PER I-LOC I-LOC", [1]),
        ("BIO2", "B-PER I-PER B-PER", []),
        ("BIO2", "B-PER E-PER", [1]),
        ("IOB1", "I-PER I-PER B-PER I-PER", []),
        ("IOB1", "O B-PER", [1]),
        ("IOB1", "I-LOC B-PER", [1]),
        ("IO", "I-PER I-LOC O", []),
        ("IO", "B-PER", [0]),
        ("BIOES", "B-PER I-PER E-PER S-LOC O", []),
        ("BIOES", "O E-PER", [1]),
        ("BIOES", "B-PER O", [1]),
        ("BIOES", "B-PER", [0]),
        ("BIOES", "B-PER E-LOC", [1]),
        ("BIOES", "S-PER I-PER E-PER", [1]),
        ("BMES", "B-PER M-PER E-PER S-LOC", []),
        ("BMES", "B-PER I-PER E-PER", [1]),
        ("BMES", "W-PER", []),
        ("BILOU", "B-PER I-PER L-PER U-LOC", []),
        ("BILOU", "B-PER E-PER", [1]),
        ("BIO2", "O NN", [1]),
    ],
)
def test_illegal_tags(scheme: str, tags: str, illegal: list[int]) -> None:
    assert find_illegal(tags.split(), scheme) == illegal  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("O", ("O", "")),
        ("B-PER", ("B", "PER")),
        ("I-date-time", ("I", "date-time")),
        ("E", ("E", "")),
        ("B-", ("", "B-")),
        ("NN", ("", "NN")),
        ("PER-B", ("", "PER-B")),
        ("", ("", "")),
    ],
)
def test_split_tag(tag: str, parts: tuple[str, str]) -> None:
    assert split_tag(tag) == parts


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 2, "PER"), (1, 3, "LOC")], "overlaps another"),
        ([(2, 4, "PER")], "does not fit a sentence of 3 words"),
        ([(1, 1, "PER")], "does not fit"),
        ([(-1, 1, "PER")], "does not fit"),
    ],
)
def test_spans_that_cannot_be_tags(spans: list[tuple[int, int, str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        tags_from_spans(3, spans)
