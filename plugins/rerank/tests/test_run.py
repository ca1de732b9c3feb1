"""Runs: learning, lists, requests, resuming, other plugins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForSequenceClassification

import ft


def test_it_learns_what_words_alone_do_not_tell(trained: Any) -> None:
    rows = {row[0]: float(row[1].split()[0]) for row in trained.tables[0].rows}
    assert rows["rerank"] == pytest.approx(trained.metrics["test"]["ndcg@10"].value, abs=1e-4)
    assert rows["rerank"] > 0.95
    assert rows["BM25"] < 0.8
    # What is no list of candidates is no baseline for one.
    assert trained.record["baselines"]["values"] == {}


def test_predictions_are_ranked_lists_and_the_report_shows_them(trained: Any) -> None:
    lines = (trained.output / "predictions" / "test.jsonl").read_text().splitlines()
    one = json.loads(lines[0])
    assert one["scores"] == sorted(one["scores"], reverse=True)
    assert one["items"][one["rank"] - 1] == one["target"]
    assert one["among"] == len(one["texts"]) == 3
    page = (trained.output / "report.html").read_text()
    assert "How far down the true item stands" in page


def test_requests_are_ranked_by_text_with_their_ids(trained: Any) -> None:
    candidates = [{"id": "P", "text": "poor green hat"}, "good green hat", "fair green hat"]
    answers = ft.predict(
        trained.output,
        [
            {"query": "green hat", "candidates": candidates},
            {"query": "blue hat", "candidates": candidates[:1], "from": "me"},
        ],
    )
    assert answers[0]["items"] == ["2", "3", "P"]
    assert answers[0]["texts"][0] == "good green hat"
    assert answers[1]["items"] == ["P"]
    assert answers[1]["from"] == "me"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("red hat", "needs a query and candidates"),
        ({"query": "red hat"}, "list of candidates"),
        ({"query": "red hat", "candidates": []}, "list of candidates"),
        ({"query": "red hat", "candidates": "hat"}, "list of candidates"),
        ({"query": "red hat", "candidates": ["a", {"id": 3}]}, "candidate 2 has no text"),
        ({"query": "red hat", "candidates": ["a", "\u200b"]}, "candidate 2 has no text"),
        ({"query": "\u200b", "candidates": ["a"]}, "the query is empty"),
        (
            {"query": "red", "candidates": [{"id": 3, "text": "a"}, {"id": "3", "text": "b"}]},
            "candidates 1 and 2 have the same id '3'",
        ),
    ],
)
def test_a_request_that_lacks_something_is_refused(trained: Any, request_: Any, why: str) -> None:
    with pytest.raises(ft.DataError, match=why):
        ft.predict(trained.output, [request_])


def test_the_example_of_a_request_is_answered_and_a_wrong_one_beside_it_is_told(
    trained: Any,
) -> None:
    model = ft.load(trained.output)
    (example,) = model.request_schema()["examples"]
    first, wrong = model.answer([example, {"query": "a"}])
    assert sorted(first.prediction["texts"]) == sorted(example["candidates"])
    assert isinstance(wrong.error, ft.DataError)


def test_evaluating_again_gives_the_same(trained: Any) -> None:
    again = ft.evaluate(trained.output)
    assert again.metrics["test"]["mrr"].value == pytest.approx(
        trained.metrics["test"]["mrr"].value, abs=1e-6
    )


def test_the_model_folder_is_plain_transformers(trained: Any) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(trained.output / "model")
    assert model.config.num_labels == 1


def test_techniques_work_on_it(go: Callable[..., Any], trained: Any, tmp_path: Path) -> None:
    """Robustness edits the query and the best candidate, augment the training texts."""
    train = ft.resolve(None, file=trained.output / "config.toml").configs["rerank"]
    settings = {name: getattr(train, name) for name in ("train", "validation", "test")}
    result = go(settings, "augment", "adversarial", epochs=1)
    assert 0 < result.metrics["test"]["ndcg@10"].value <= 1
