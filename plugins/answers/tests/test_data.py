"""Which answers are known, which are right, and that no split leaks into another."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ft
from ft_answers.data import load, plain
from ft_answers.settings import AnswersConfig
from ft_kit import write_rows


def loaded(**settings: Any) -> Any:
    run = SimpleNamespace(
        wanted=None, note=lambda text: None, uses=lambda path: Path(path), output=Path("none")
    )
    return load(AnswersConfig(**settings), "answers", run, None)  # type: ignore[arg-type]


def rows(*pairs: tuple[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"question": question, "answer": answer, **more} for question, answer in pairs]


def test_a_training_question_of_another_split_is_left_out(tmp_path: Path) -> None:
    train = write_rows(
        tmp_path / "train.jsonl", rows(("Where is it?", "a"), ("who", "b"), ("how", "a"))
    )
    test = write_rows(tmp_path / "test.jsonl", rows(("where IS it", "a"), ("why", "b")))
    data, _ = loaded(train=train, validation=test, test=test)
    assert data.splits["train"]["question"] == ["who", "how"]
    assert len(data.splits["test"]) == 2
    assert any("1 training questions stand in validation or test" in note for note in data.notes)


def test_phrasings_of_one_question_stay_in_one_split(tmp_path: Path) -> None:
    made = [
        {"question": f"question {i} {k}", "answer": f"answer {i}", "same": i}
        for i in range(20)
        for k in range(4)
    ]
    train = write_rows(tmp_path / "train.jsonl", made)
    data, _ = loaded(train=train, columns={"group": "same"})
    groups = [set(data.splits[split]["group"]) for split in ("train", "validation")]
    assert groups[1]
    assert not groups[0] & groups[1]
    test = write_rows(tmp_path / "test.jsonl", [{**made[0], "question": "all new"}])
    data, _ = loaded(train=train, test=test, columns={"group": "same"})
    assert 0 not in data.splits["train"]["group"]


def test_answers_can_be_held_out_too(tmp_path: Path) -> None:
    made = rows(*((f"question {i} {k}", f"answer {i}") for i in range(30) for k in range(4)))
    train = write_rows(tmp_path / "train.jsonl", made)
    data, catalogue = loaded(train=train, hold_out="answer")
    known, held = (
        {one for right in data.splits[split]["answers"] for one in right}
        for split in ("train", "validation")
    )
    assert held
    assert not known & held
    unasked = {one.id for one in catalogue.answers if not one.asked}
    assert unasked == held
    assert any("have no training question" in note for note in data.notes)


def test_every_row_of_a_question_says_what_is_right_for_it(tmp_path: Path) -> None:
    asked = rows(("Who?", ["a"]), ("who", ["b"]), ("what", ["a", "c"]), ("x", []))
    train = write_rows(tmp_path / "train.jsonl", asked)
    test = write_rows(tmp_path / "test.jsonl", rows(("how", ["a"])))
    data, catalogue = loaded(train=train, validation=test)
    names = {one.id: one.text for one in catalogue.answers}
    told = [[names[one] for one in right] for right in data.splits["train"]["answers"]]
    # A training row with several answers becomes a row for each, its own first.
    assert told == [["a", "b"], ["b", "a"], ["a", "c"], ["c", "a"], []]
    assert any("1 of 5 train questions have no answer" in note for note in data.notes)


def test_a_file_of_answers(tmp_path: Path) -> None:
    texts = {1: "Call us.", 2: "call us", 3: "No."}
    answers = write_rows(
        tmp_path / "answers.jsonl", [{"name": name, "said": text} for name, text in texts.items()]
    )
    names = {"id": "name", "answer": "said"}
    train = write_rows(tmp_path / "train.jsonl", rows(("who", "1"), ("how", "No."), ("why", "3")))
    test = write_rows(tmp_path / "test.jsonl", rows(("where", "2")))
    given: dict[str, Any] = {"answers": answers, "answer_columns": names, "validation": test}
    data, catalogue = loaded(train=train, **given)
    assert [one.id for one in catalogue.answers] == ["1", "2", "3"]
    assert data.splits["train"]["answers"] == [["1"], ["3"], ["3"]]
    assert any("same text as another" in note for note in data.notes)
    wrong = write_rows(tmp_path / "wrong.jsonl", rows(("who", "1"), ("what", "z")))
    with pytest.raises(ft.DataError, match=r"wrong\.jsonl:2: 'z' is neither an id nor a text"):
        loaded(train=wrong, **given)
    twice = write_rows(
        tmp_path / "twice.jsonl", [{"name": "x", "said": "a"}, {"name": "x", "said": "b"}]
    )
    with pytest.raises(ft.DataError, match=r"twice\.jsonl:2: the id 'x' stands in line 1 too"):
        loaded(train=train, **{**given, "answers": twice})


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"question": "", "answer": "a"}, "has no question"),
        ({"question": "who", "answer": {"a": 1}}, "for an answer"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    train = write_rows(
        tmp_path / "train.jsonl",
        [row, *rows(*((f"q{i}", "a") for i in range(30)))]
        if why == "has no question"
        else [row] * 2,
    )
    with pytest.raises(ft.FtError, match=rf"train\.jsonl:1: .*{why}"):
        loaded(train=train)


def test_a_split_without_any_answer_is_refused(tmp_path: Path) -> None:
    train = write_rows(tmp_path / "train.jsonl", rows(("who", "a"), ("how", "b")))
    held = write_rows(tmp_path / "validation.jsonl", rows(("where", "b")))
    test = write_rows(tmp_path / "test.jsonl", rows(("why", "")))
    with pytest.raises(ft.DataError, match="no question of the test split has an answer"):
        loaded(train=train, validation=held, test=test)


def test_what_the_threshold_is_chosen_on_is_told(tmp_path: Path) -> None:
    train = write_rows(tmp_path / "train.jsonl", rows(("who", "a"), ("how", "b")))
    held = write_rows(tmp_path / "validation.jsonl", rows(("where", "b")))
    none = write_rows(tmp_path / "none.jsonl", rows(("where", "b"), ("why", "")))
    for more, told in (
        ({"validation": held}, True),
        ({"validation": none}, False),
        ({"validation": held, "threshold": 0.5}, False),
    ):
        data, _ = loaded(train=train, **more)
        assert any("knows no question that nothing fits" in note for note in data.notes) == told


def test_the_same_question_without_case_and_punctuation() -> None:
    assert plain("Où est-ce ?") == plain("où EST ce")
    assert plain("???") == "???"
