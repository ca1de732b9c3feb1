"""Marks in sentences, windows of tokens, and the official score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ft_relations.marks import check_marks, mark, spaced
from ft_relations.scoring import evaluate_relations
from ft_relations.windows import window
from hypothesis import given
from hypothesis import strategies as st

TEXT = "Rain caused floods."


def place(start: Any, end: Any, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, **more}


def test_entities_are_marked_whichever_comes_first() -> None:
    assert mark(TEXT, place(0, 4), place(12, 18)) == "<e1>Rain</e1> caused <e2>floods</e2>."
    assert mark(TEXT, place(12, 18), place(0, 4)) == "<e2>Rain</e2> caused <e1>floods</e1>."


@given(st.text("ab cé", min_size=2, max_size=20), st.data())
def test_a_marked_text_holds_the_text_and_its_entities(text: str, data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    a, b, c, d = cuts
    entities = place(a, b), place(c, d)
    if a == b or c == d:
        with pytest.raises(ValueError, match="in a text of"):
            mark(text, *entities)
        return
    marked = mark(text, *entities)
    for tag in ("<e1>", "</e1>", "<e2>", "</e2>"):
        assert marked.count(tag) == 1
    plain = marked
    for tag in ("<e1>", "</e1>", "<e2>", "</e2>"):
        plain = plain.replace(tag, "")
    assert plain == text
    assert marked.split("<e1>")[1].split("</e1>")[0] == text[a:b]


@pytest.mark.parametrize(
    ("e1", "e2", "says"),
    [
        (place(0, 4), place(12, 99), "has e2 at 12 to 99, in a text of 19 characters"),
        (place(4, 4), place(12, 18), "has e1 at 4 to 4"),
        (place(-1, 4), place(12, 18), "has e1 at -1 to 4"),
        (place("0", 4), place(12, 18), "has no whole numbers as start and end of e1"),
        (place(0, 14), place(12, 18), "has entities that overlap"),
        (place(0, 4, text="Snow"), place(12, 18), "has 'Rain' at the place of e1, not 'Snow'"),
    ],
)
def test_places_that_do_not_fit(e1: Any, e2: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        mark(TEXT, e1, e2)


def test_marks_and_places_together() -> None:
    with pytest.raises(ValueError, match="marks in its text and places"):
        mark("<e1>Rain</e1> caused floods.", place(0, 4), place(5, 6))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT, "has no <e1> and no </e1> and no <e2> and no </e2> in its text"),
        ("<e1>a</e1> <e2>b", "has no </e2> in its text"),
        ("<e1>a</e1> <e2>b</e2> <e1>", "has <e1> more than once"),
        ("<e1>a <e2>b</e1> c</e2>", "marks that cross"),
        ("</e1>a<e1> <e2>b</e2>", "closed before they open"),
        ("<e1> </e1> <e2>b</e2>", "has an empty entity"),
    ],
)
def test_texts_that_are_not_marked_properly(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_marks(text)


def test_marks_are_set_apart() -> None:
    assert spaced("(<e1>a</e1>)").split() == ["(", "<e1>", "a", "</e1>", ")"]


@given(st.integers(4, 60), st.data())
def test_a_window_holds_both_opening_marks_and_no_more_than_fits(length: int, data: Any) -> None:
    places = data.draw(
        st.lists(st.integers(0, length - 1), min_size=4, max_size=4, unique=True).map(sorted)
    )
    room = data.draw(st.integers(4, 70))
    swapped = data.draw(st.booleans())
    opens, closes = [places[0], places[2]], [places[1], places[3]]
    kept = window(length, opens[::-1] if swapped else opens, closes, room)
    assert kept == sorted(set(kept))
    assert set(opens) <= set(kept) <= set(range(length))
    assert len(kept) <= room
    if places[3] - places[0] < room:
        assert len(kept) == min(room, length)
        assert set(range(places[0], places[3] + 1)) <= set(kept)


def test_the_official_score() -> None:
    # By hand, as the official scorer counts: a wrong direction is wrong, but counts as predicted.
    gold = ["A(e1,e2)", "A(e1,e2)", "A(e2,e1)", "B(e1,e2)", "Other", "Other"]
    found = ["A(e1,e2)", "A(e2,e1)", "Other", "B(e1,e2)", "B(e2,e1)", "Other"]
    evaluation = evaluate_relations(gold, found, negative="Other", seed=0)
    a, b = 2 * 1 / (2 + 3), 2 * 1 / (2 + 1)
    score = evaluation.metrics["f1"]
    assert evaluation.main == "f1"
    assert score.value == pytest.approx((a + b) / 2)
    assert score.low is not None
    assert score.high is not None
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert evaluation.metrics["accuracy"].value == pytest.approx(3 / 6)
    assert evaluation.tables[0].rows[0] == ("A", 0.5, pytest.approx(1 / 3), pytest.approx(a), 3)


LABELS = st.sampled_from(["A(e1,e2)", "A(e2,e1)", "B(e1,e2)", "C", "Other"])


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12))
def test_the_score_is_that_of_its_definition(pairs: list[tuple[str, str]]) -> None:
    gold, found = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    score = evaluate_relations(gold, found, negative="Other", seed=0).metrics["f1"].value
    scores = []
    for relation in "ABC":
        seen = sum(one.startswith(relation) for one in gold)
        said = sum(one.startswith(relation) for one in found)
        right = sum(one == other and one.startswith(relation) for one, other in pairs)
        if seen + said:
            scores.append(2 * right / (seen + said))
    assert score == pytest.approx(np.mean(scores) if scores else 0.0)
