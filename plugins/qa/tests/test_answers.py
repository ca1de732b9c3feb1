"""The forms that answers come in, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ft_qa.answers import find_answers, row_fault

CONTEXT = "Anna 😀 went to Ulm, Ben to Ulm."
PLACE = [{"start": 15, "end": 18}]


@pytest.mark.parametrize(
    ("answers", "spans"),
    [
        ([{"text": "Ulm", "start": 15}], PLACE),
        ([{"text": "Ulm", "answer_start": 15}], PLACE),
        ([{"start": 15, "end": 18}], PLACE),
        ([{"start": 15, "end": 18, "text": "Ulm"}, {"start": 15, "end": 18}], PLACE),
        ({"text": ["Ulm", "Ulm"], "answer_start": [15, 27]}, [*PLACE, {"start": 27, "end": 30}]),
        ({"text": [], "answer_start": []}, []),
        ([], []),
        (None, []),
        ("", []),
        ("Anna", [{"start": 0, "end": 4}]),
        ([{"text": "", "start": 0}], []),
        ({"text": [""], "answer_start": [-1]}, []),
        ([" "], []),
        (float("nan"), []),
        ('["Anna", "Ben"]', [{"start": 0, "end": 4}, {"start": 20, "end": 23}]),
        ("{'text': ['Ulm'], 'answer_start': [15]}", PLACE),
        ("{'text': [], 'answer_start': []}", []),
        (["Anna", "Ben"], [{"start": 0, "end": 4}, {"start": 20, "end": 23}]),
    ],
)
def test_every_form_gives_characters(answers: Any, spans: list[dict[str, int]]) -> None:
    assert find_answers({"context": CONTEXT, "answers": answers}) == (spans, False)


def test_a_start_in_a_column_of_its_own() -> None:
    row = {"context": CONTEXT, "answers": "Ulm", "answer_start": "27"}
    assert find_answers(row).spans == [{"start": 27, "end": 30}]


def test_an_answer_that_stands_twice_is_said_to_be_guessed() -> None:
    assert find_answers({"context": CONTEXT, "answers": "Ulm"}) == (PLACE, True)


@pytest.mark.parametrize(
    ("told", "spans"),
    [
        (True, []),
        ("True", []),
        ("1", []),
        (1.0, []),
        (False, PLACE),
        ("false", PLACE),
        (None, PLACE),
    ],
)
def test_an_impossible_question_has_no_answer(told: Any, spans: list[Any]) -> None:
    row = {"context": CONTEXT, "answers": [{"text": "Ulm", "start": 15}], "is_impossible": told}
    assert find_answers(row).spans == spans


def test_what_is_neither_possible_nor_impossible_is_said() -> None:
    row = {"question": "q", "context": CONTEXT, "answers": [], "is_impossible": "perhaps"}
    assert "'perhaps' in 'is_impossible', which is neither" in str(row_fault(row))


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ([{"text": "Ulm", "start": 16}], "begins at character 16, where 'lm,' stands"),
        ([{"text": "Ulm", "start": 16}], "count UTF-16 units"),
        ([{"text": "Ulm", "start": 18}], "count bytes"),
        ([{"text": "Bonn"}], "not in its context: 'Bonn'"),
        (["anna"], "'anna', but with other capitals"),
        ("Ulm ,", "not in its context"),
        ([" Ben\t"], "but without the white space at its ends"),
        ([{"text": "Ulm", "start": 14}], "; it begins at 15"),
        ([{"text": "Ulm", "start": 15, "end": 17}], "ends at 17, but its last character is 17: an"),
        (1976, "no text and no list: 1976"),
        ([{"start": 30, "end": 99}], "outside of its context: characters 30 to 99 of 31"),
        ([{"start": 3, "end": 3}], "outside of its context"),
        ([{"start": "x", "text": "Ulm"}], "whose start is no whole number: 'x'"),
        ([{"start": 1.5, "text": "Ulm"}], "no whole number"),
        ([{"label": "x"}], "neither a text nor a start"),
        ([3], "neither a text nor a mapping: 3"),
        ({"text": ["a", "b"], "answer_start": [1]}, "has 2 answers, but not as many"),
    ],
)
def test_what_does_not_fit_is_said(answers: Any, fault: str) -> None:
    said = row_fault({"question": "q", "context": CONTEXT, "answers": answers})
    assert said is not None
    assert fault in said


@pytest.mark.parametrize("row", [{"question": " "}, {"context": "\u200b"}, {"question": None}])
def test_an_empty_text_is_refused(row: dict[str, Any]) -> None:
    assert row_fault({"question": "q", "context": CONTEXT, "answers": [], **row}) is not None
