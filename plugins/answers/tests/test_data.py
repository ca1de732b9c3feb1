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


def test_a_file_of_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # bad rows are set aside there
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
    asked = rows(*((f"who {n}", "1") for n in range(30)), ("what", "z"), ("which", ["3", "y"]))
    wrong = write_rows(
        tmp_path / "wrong.jsonl", [{**one, "answer": [*one["answer"]]} for one in asked]
    )
    with pytest.raises(
        ft.Problems, match="names 'y', which is neither an id nor a text of"
    ) as error:
        loaded(train=wrong, **given)
    assert "wrong.jsonl:31: names 'z'" in str(error.value)
    left, _ = loaded(train=wrong, on_bad_row="skip", **given)
    assert len(left.splits["train"]) == 30
    with pytest.raises(ft.DataError, match=r"answers\.answer_columns = \{answer = '\.\.\.'\}"):
        loaded(train=train, **{**given, "answer_columns": {"id": "name"}})
    with pytest.raises(ft.ConfigError, match=r"answers\.answers: .*none\.csv does not exist"):
        loaded(train=train, **{**given, "answers": str(tmp_path / "none.csv")})
    twice = write_rows(
        tmp_path / "twice.jsonl", [{"name": "x", "said": "a"}, {"name": "x", "said": "b"}]
    )
    with pytest.raises(ft.DataError, match=r"twice\.jsonl:2: the id 'x' stands in line 1 too"):
        loaded(train=train, **{**given, "answers": twice})


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([1.0, float("nan")], [["1"], []]),
        (["['1', '3']", "nothing [1]"], None),
        (['["1", "3"]', ""], [["1", "3"], ["3", "1"], []]),
        ([True, False], None),
    ],
)
def test_a_cell_may_hold_a_number_a_list_or_nothing(
    tmp_path: Path, cells: list[Any], told: list[list[str]] | None
) -> None:
    answers = write_rows(tmp_path / "a.jsonl", [{"id": n, "answer": f"text {n}"} for n in (1, 3)])
    train = write_rows(
        tmp_path / "train.jsonl", rows(*((f"who {n}", one) for n, one in enumerate(cells)))
    )
    test = write_rows(tmp_path / "test.jsonl", rows(("what", "text 3")))
    if told is None:
        with pytest.raises(
            ft.FtError, match=r"train\.jsonl:[12]: (names 'nothing \[1\]'|has True)"
        ):
            loaded(train=train, validation=test, answers=answers)
        return
    data, _ = loaded(train=train, validation=test, answers=answers)
    assert data.splits["train"]["answers"] == told


def test_ids_without_their_file_and_one_answer_alone_are_said(tmp_path: Path) -> None:
    train = write_rows(tmp_path / "train.jsonl", rows(("who", 1), ("how", 2)))
    test = write_rows(tmp_path / "test.jsonl", rows(("what", 2)))
    data, _ = loaded(train=train, validation=test)
    assert any("every answer is a number, such as '1'" in note for note in data.notes)
    same = write_rows(tmp_path / "same.jsonl", rows(("who", "Yes."), ("how", "Yes.")))
    with pytest.raises(ft.DataError, match=r"one answer alone, 'Yes\.'"):
        loaded(train=same)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"question": "", "answer": "a"}, "has no question"),
        ({"question": "\u200b", "answer": "a"}, "has the question"),
        ({"question": "who", "answer": {"a": 1}}, "for an answer"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    train = write_rows(
        tmp_path / "train.jsonl",
        [row, *rows(*((f"q{i}", "a") for i in range(30)))] if why != "for an answer" else [row] * 2,
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
