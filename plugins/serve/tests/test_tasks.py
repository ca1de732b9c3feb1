"""A model that answers several tasks, and one that reads files: asked, counted, corrected, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ft

LABEL = ft.Schema(texts=(ft.Text("text"),), label=ft.Label(names=("neg", "pos")))
WORDS = ft.Schema(words=ft.Words(labels=("O", "B-PER", "I-PER")))
SEVERAL = ft.Schema(
    texts=(ft.Text("text"),),
    extra={
        "tasks": {
            "mood": {"schema": LABEL.to_json(), "columns": {}},
            "names": {"schema": WORDS.to_json(), "columns": {}},
        }
    },
)


@pytest.fixture
def several(fake: Any) -> Any:
    model = fake(schema=SEVERAL, labels=())
    model.columns = {"": {}, "mood": {"label": "opinion"}, "names": {}}
    words = {"tags": ["B-PER", "O"], "entities": [{"type": "PER", "score": 0.7}]}
    answer = {
        "text": "Anna came",
        "tokens": ["Anna", "came"],
        "offsets": [[0, 4], [5, 9]],
        "mood": {"label": "pos", "probability": 0.9, "scores": {"neg": 0.1, "pos": 0.9}},
        "names": words,
    }
    model.answer = lambda items: [ft.Answer(answer, tokens=4) for _ in items]
    return model


def test_each_task_is_counted_and_described(served: Any, several: Any, tmp_path: Path) -> None:
    client = served({"first": several}, corrections=tmp_path)
    client.predict("Anna came")
    assert client.metric('ft_labels_total{label="mood/pos",model="first"}') == 1
    assert client.metric('ft_labels_total{label="names/PER",model="first"}') == 1
    assert client.metric('ft_confidence_count{model="first"}') == 2
    (about,) = client.ask("/models")[1]["models"]
    assert about["tasks"] == {"mood": ["neg", "pos"], "names": ["O", "B-PER", "I-PER"]}
    body = client.ask("/openapi.json")[1]["paths"]["/corrections"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["properties"]["task"]["enum"] == ["mood", "names"]


def test_each_task_has_a_file_of_corrections(served: Any, several: Any, tmp_path: Path) -> None:
    client = served({"first": several}, corrections=tmp_path)
    for body in (
        {"task": "mood", "input": "Anna came", "correct": {"label": "neg"}},
        {"task": "names", "input": "Anna came", "correct": {"tags": ["O", "O"]}},
        {"task": "mood", "rows": [{"text": "Ben came", "label": "pos"}]},
    ):
        assert client.ask("/corrections", body)[:2] == (
            200,
            {"model": {"name": "first", "version": "run", "hash": "first"}, "rows": 1},
        )
    mood, names = (
        [json.loads(line) for line in (tmp_path / "first" / f"{task}.jsonl").open()]
        for task in ("mood", "names")
    )
    assert [(row["text"], row["opinion"]) for row in mood] == [
        ("Anna came", "neg"),
        ("Ben came", "pos"),
    ]
    assert [(row["tokens"], row["tags"]) for row in names] == [(["Anna", "came"], ["O", "O"])]
    for task in (None, "other", 3, "../mood"):
        body = {"task": task, "input": "Anna came", "correct": {"label": "neg"}}
        assert client.code("/corrections", body) == (422, "invalid_correction")
    no_task = {"input": "Anna came", "correct": {"label": "neg"}}
    assert client.code("/corrections", no_task) == (422, "invalid_correction")


def test_files_are_refused_wherever_the_schema_names_them(served: Any, fake: Any) -> None:
    inside = fake()
    whole = {"type": "object", "properties": {"text": {"type": "string"}}}
    path = {"anyOf": [{"type": "object", "properties": {"file": {"format": "path"}}}]}
    inside.request_schema = lambda: {"allOf": [whole, path], "examples": [{"text": "a"}]}
    client = served({"first": inside})
    asked = {"inputs": [{"text": "a", "file": "/etc/passwd"}]}
    assert client.code("/predict", asked) == (403, "file_refused")
    assert client.predict({"text": "a"})["errors"] == []


def test_a_model_of_images_reads_no_file_of_the_server(served: Any, fake: Any) -> None:
    """Though its task says nothing of what a request looks like."""
    model = fake(schema=ft.Schema(images=("image",), label=ft.Label(names=("neg", "pos"))))
    model.request_schema = dict
    client = served({"first": model})
    for item in ("/etc/passwd", {"image": "/etc/passwd"}):
        assert client.code("/predict", {"inputs": [item]}) == (403, "file_refused")
    assert model.batches == []
    for item in ({"image": "data:", "other": "x"}, "data:,x"):
        # What an item holds itself is no file of the server.
        assert client.ask("/predict", {"inputs": [item]})[0] != 403
    model.request_schema = lambda: {
        "properties": {"image": {"format": "path"}, "mask": {"format": "path"}}
    }
    masked = served({"first": model})
    for item in ({"image": "data:,x", "mask": "/etc/passwd"}, {"mask": "data:,x"}, {}):
        assert masked.code("/predict", {"inputs": [item]}) == (403, "file_refused")
    allowed = served({"first": model}, allow_files=True)
    assert allowed.predict("/srv/cat.png")["errors"] == []
