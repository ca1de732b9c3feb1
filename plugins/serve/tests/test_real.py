"""Models of real runs behind a port: the answers of `ft.predict`, and corrections that train."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ft

TEXTS = ["anna went to paris", "ben saw the house", "clara in rome", "the good film"]


def same(one: Any, other: Any) -> bool:
    """Whether two answers say the same; probabilities differ in the last digits with the batch."""
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == pytest.approx(other, abs=1e-4) if isinstance(one, float) else one == other


def test_clients_together_get_what_predict_gives_each_alone(
    real: Any, runs: dict[str, Path]
) -> None:
    client = real("ner", "sentiment")
    wanted = {task: ft.predict(runs[task], TEXTS) for task in ("ner", "sentiment")}
    assert any(answer["entities"] for answer in wanted["ner"])

    def ask(number: int) -> bool:
        task = ("ner", "sentiment")[number % 2]
        items: list[Any] = [TEXTS[(number + k) % 4] for k in range(3)]
        found = client.predict(*items, {"text": 3}, path=f"/models/{task}/predict")
        alone = [json.loads(ft.to_json(wanted[task][(number + k) % 4])) for k in range(3)]
        assert found["model"]["name"] == task
        assert [one["item"] for one in found["errors"]] == [3]
        return same(found["answers"][:3], alone)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(64)))
    _, text, _ = client.ask("/metrics")
    assert 'ft_labels_total{label="PER",model="ner"}' in text
    assert 'ft_labels_total{label="(other)"' not in text


def test_the_description_of_each_model_has_an_example_that_works(real: Any) -> None:
    client = real("ner", "sentiment")
    _, document, _ = client.ask("/openapi.json")
    for path in ("/predict", "/models/ner/predict", "/models/sentiment/predict"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert client.ask(path, body["example"])[0] == 200


def test_the_hash_is_that_of_the_run(real: Any, runs: dict[str, Path]) -> None:
    model = real("ner").predict("anna")["model"]
    assert model["hash"] == ft.file_hash(runs["ner"] / "task.json")[:16]
    assert model["version"] == "ner"


def test_a_corrected_tagging_trains(real: Any, runs: dict[str, Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    client = real("ner", corrections=kept)
    for correction in (
        {
            "input": "ben saw new york",
            "correct": {
                "entities": [
                    {"start": 8, "end": 16, "type": "LOC"},
                    {"start": 0, "end": 3, "type": "PER"},
                ]
            },
        },
        {
            "input": {"tokens": ["anna", "dora", "went"]},
            "correct": {"entities": [{"first": 0, "last": 1, "type": "PER"}]},
        },
        {"input": "in rome", "correct": {"tags": ["O", "B-LOC"]}},
    ):
        status, value, _ = client.ask("/corrections", correction)
        assert (status, value.get("rows")) == (200, 1), value
    rows = [json.loads(line) for line in (kept / "ner.jsonl").read_text().splitlines()]
    assert [row["tags"] for row in rows] == [
        ["B-PER", "O", "B-LOC", "I-LOC"],
        ["B-PER", "I-PER", "O"],
        ["O", "B-LOC"],
    ]
    assert all(row["corrected_version"] == "ner" and row["corrected_at"] for row in rows)
    for wrong in (
        {"input": "in rome", "correct": {"entities": [{"start": 3, "end": 7, "type": "GOD"}]}},
        {"input": "in rome", "correct": {"entities": [{"start": 70, "end": 71, "type": "LOC"}]}},
        {"input": "in rome", "correct": {"entities": [{"first": 0, "last": 2, "type": "LOC"}]}},
        {"input": "in rome", "correct": {"tags": ["O"]}},
        {"input": "in rome", "correct": {"tags": ["O", "B-GOD"]}},
        {"input": "in rome"},
        {"rows": []},
        {"input": "in rome", "rows": [{"tokens": ["rome"], "tags": ["O"]}]},
        [],
    ):
        assert client.code("/corrections", wrong) == (422, "invalid_correction")
    assert client.code("/corrections", {"input": 3, "correct": {}}) == (422, "invalid_item")
    train(["ner"], runs, tmp_path, ner={"train": str(kept / "ner.jsonl")})


def test_a_corrected_label_trains(real: Any, runs: dict[str, Path], tmp_path: Path) -> None:
    client = real("sentiment", corrections=tmp_path)
    for text, label in (("good house", "pos"), ("bad house", "neg")):
        body = {"input": text, "correct": {"label": label}}
        assert client.ask("/models/sentiment/corrections", body)[1]["rows"] == 1
    for label in ("fine", None, ["pos"]):
        body = {"input": "a", "correct": {"label": label}}
        assert client.code("/corrections", body) == (422, "invalid_correction")
    assert client.metric('ft_corrections_total{model="sentiment"}') == 2
    train(["sentiment"], runs, tmp_path, sentiment={"train": str(tmp_path / "sentiment.jsonl")})


def test_a_file_of_corrections_does_not_grow_without_end(real: Any, tmp_path: Path) -> None:
    client = real("sentiment", corrections=tmp_path, max_corrections=400)
    body = {"input": "good", "correct": {"label": "pos"}}
    assert client.ask("/corrections", body)[0] == 200
    assert client.ask("/corrections", body)[0] == 200
    assert client.code("/corrections", body) == (507, "corrections_full")


def train(plugins: list[str], runs: dict[str, Path], folder: Path, **settings: Any) -> None:
    """Train a step on the rows, with nothing held out of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(folder / "cache"))
        own: Any = {"max_steps": 1, "report": False, "advice": False, "lint": "off"}
        result = ft.run(
            plugins,
            model=str(runs["folder"] / "tiny"),
            device="cpu",
            output=folder / "again",
            **own,
            **settings,
        )
    assert result.record["steps"] == 1
