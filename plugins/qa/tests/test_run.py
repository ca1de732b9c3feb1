"""Runs: learning, windows, files, requests, other plugins, plain transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

import ft
from ft_kit import write_rows


def read(path: Path | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_answers_are_found_in_windows_or_said_not_to_be_there(
    trained: Any, files: dict[str, str]
) -> None:
    gold = read(files["test"])
    found = read(trained.output / "predictions" / "test.jsonl")
    # Who always says that there is none is right in three of ten.
    assert trained.metrics["test"]["exact"].value > 0.8
    assert {bool(item["answers"]) for item in found} == {True, False}
    assert any(len(row["context"].split()) > 20 for row in gold)
    for row, item in zip(gold, found, strict=True):
        for one in (*item["answers"], *item["best"]):
            assert row["context"][one["start"] : one["end"]] == one.get("answer", item["answer"])
    requests = [{key: row[key] for key in ("question", "context")} for row in gold]
    asked = list(ft.predict(trained.output, requests))
    assert [one["answers"] for one in asked] == [one["answers"] for one in found]


def test_questions_with_and_without_an_answer_have_their_scores(trained: Any) -> None:
    scores = trained.metrics["test"]
    assert {"f1", "exact", "answerable/f1", "unanswerable/accuracy"} <= scores.keys()
    table = next(one for one in trained.tables if one.title == "Baselines")
    never = dict(zip(table.columns, table.rows[1], strict=True))
    assert never["exact"] < scores["exact"].value


def test_the_model_folder_is_plain_transformers(trained: Any) -> None:
    folder = trained.output / "model"
    model = AutoModelForQuestionAnswering.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = {"question": "who", "context": "the anna went"}
    encoded = tokenizer(asked["question"], asked["context"], return_tensors="pt")
    with torch.no_grad():
        outputs = model(**encoded)
    first = encoded.sequence_ids(0).index(1)
    null = float(outputs.start_logits[0, 0] + outputs.end_logits[0, 0])
    (answer,) = ft.predict(trained.output, [asked])
    for one in answer["best"]:
        word = first + asked["context"][: one["start"]].count(" ")
        more = one["answer"].count(" ")
        score = outputs.start_logits[0, word] + outputs.end_logits[0, word + more]
        assert one["score"] == pytest.approx(float(score) - null, abs=1e-3)
    assert answer["answer"] == "anna"


def test_squad_is_read_as_it_is(
    go: Callable[..., Any], files: dict[str, str], tmp_path: Path
) -> None:
    """The files of SQuAD 2, CSV and JSONL hold the same questions, and give the same run."""
    made: dict[str, dict[str, str]] = {"squad": {}, "csv": {}}
    for split, path in files.items():
        rows = read(path)
        questions = [
            {
                "context": row["context"],
                "qas": [
                    {
                        "id": str(i),
                        "question": row["question"],
                        "answers": [
                            {"text": one["text"], "answer_start": one["start"]}
                            for one in row["answers"]
                        ],
                        "is_impossible": not row["answers"],
                    }
                ],
            }
            for i, row in enumerate(rows)
        ]
        squad = tmp_path / f"{split}.json"
        squad.write_text(
            json.dumps({"version": "v2.0", "data": [{"title": "t", "paragraphs": questions}]})
        )
        table = tmp_path / f"{split}.csv"
        lines = ["question,context,answer,begin,none"]
        for row in rows:
            first = (row["answers"] or [{"text": "the", "start": 0}])[0]
            told = f"{first['text']},{first['start']},{not row['answers']}"
            lines.append(f"{row['question']},{row['context']},{told}")
        table.write_text("\n".join(lines) + "\n")
        made["squad"][split], made["csv"][split] = str(squad), str(table)
    names = {"answers": "answer", "answer_start": "begin", "is_impossible": "none"}
    settings: dict[str, Any] = {"columns": names}
    scores = [
        go(given, max_steps=3).metrics["test"]["loss"].value
        for given in (files, made["squad"], {**made["csv"], **settings})
    ]
    assert scores[1] == pytest.approx(scores[0], abs=1e-6)
    assert scores[2] == pytest.approx(scores[0], abs=1e-6)


def test_a_misplaced_answer_is_refused_with_its_line(
    go: Callable[..., Any], files: dict[str, str], tmp_path: Path
) -> None:
    wrong = {"question": "who", "context": "the anna", "answers": [{"text": "anna", "start": 3}]}
    train = write_rows(tmp_path / "train.jsonl", [*read(files["train"]), wrong])
    with pytest.raises(ft.FtError, match=r"train\.jsonl:129: .*begins at character 3"):
        go({**files, "train": train})
    result = go({**files, "train": train, "on_bad_row": "skip"}, max_steps=1)
    assert "begins at character 3" in (result.output / "bad_rows.jsonl").read_text()


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("who", "needs a question and a context"),
        ({"question": "who"}, "a text as its context"),
        ({"question": "who", "context": ["a"]}, "a text as its context"),
        ({"question": "\u200b", "context": "a"}, "the question is empty"),
        ({"question": "who", "context": " \n"}, "the context is empty"),
    ],
)
def test_a_request_that_lacks_something_is_refused(trained: Any, request_: Any, why: str) -> None:
    with pytest.raises(ft.DataError, match=why):
        ft.predict(trained.output, [request_])


def test_without_unanswerable_questions_there_always_is_an_answer(
    go: Callable[..., Any], files: dict[str, str], tmp_path: Path
) -> None:
    train = write_rows(
        tmp_path / "a.jsonl", [row for row in read(files["train"]) if row["answers"]]
    )
    result = go({**files, "train": train}, max_steps=2)
    assert all(item["answers"] for item in read(result.output / "predictions" / "test.jsonl"))
    with pytest.raises(ft.FtError, match="cannot learn when there is none"):
        go({**files, "train": train, "no_answer": "yes"}, max_steps=1)
    with pytest.raises(ft.FtError, match="questions have no answer"):
        go({**files, "no_answer": "no"}, max_steps=1)


def test_a_long_question_leaves_room_for_the_context(trained: Any) -> None:
    asked = {"question": "who " * 100, "context": "the anna went " * 30}
    (answer,) = ft.predict(trained.output, [asked])
    assert answer["best"]


def test_techniques_work_on_it(go: Callable[..., Any], files: dict[str, str]) -> None:
    result = go(files, "augment", "adversarial", max_steps=4)
    assert 0 <= result.metrics["test"]["f1"].value <= 1
