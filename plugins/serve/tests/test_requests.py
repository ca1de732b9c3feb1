"""What is answered, and what is refused with which status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


def test_items_are_answered_in_their_order_by_a_model_that_is_named(served: Any) -> None:
    client = served()
    found = client.predict("a", {"text": "b"}, "long")
    assert [answer["text"] for answer in found["answers"]] == ["a", "b", "long"]
    assert found["errors"] == []
    assert found["cut"] == [2]
    assert found["model"] == {"name": "first", "version": "run", "hash": "first"}


def test_a_wrong_item_does_not_touch_its_neighbours(served: Any) -> None:
    found = served().predict("a", {"text": 3}, "raise", 7 * "x", "nan")
    assert [answer and answer["text"] for answer in found["answers"]] == [
        "a",
        None,
        None,
        7 * "x",
        "nan",
    ]
    assert [(one["item"], one["code"]) for one in found["errors"]] == [
        (1, "invalid_item"),
        (2, "failed"),
    ]
    # Nobody needs the number of the item among those of all clients, nor an option of the command line.
    assert found["errors"][0]["message"] == "'text' is no text"
    assert found["answers"][4]["probability"] is None


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        (["raise"], (500, "failed")),
        ([{"text": 3}], (422, "invalid_item")),
        ([{"text": 3}, "raise"], (422, "no_answers")),
        (["x" * 101], (413, "item_too_long")),
        ([{"text": "a", "file": "/etc/passwd"}], (403, "file_refused")),
    ],
)
def test_where_no_item_is_answered_the_status_says_why(
    served: Any, items: list[Any], wanted: tuple[int, str]
) -> None:
    assert served(max_characters=100).code("/predict", {"inputs": items}) == wanted


def test_an_item_may_name_files_where_that_is_allowed(served: Any) -> None:
    assert served(allow_files=True).predict({"text": "a", "file": "b"})["errors"] == []


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"{", (400, "not_json")),
        (b"", (400, "not_json")),
        (b'{"inputs": ["\xff"]}', (400, "not_json")),
        (b'{"inputs": [NaN]}', (400, "not_json")),
        (b'{"inputs": [{"text": "a", "text": "b"}]}', (400, "not_json")),
        (b'{"inputs": ["\\ud800"]}', (400, "not_json")),
        (b"[" * 100_000, (400, "too_deep")),
        (b'{"inputs": [' + b"[" * 40 + b"]" * 40 + b"]}", (400, "too_deep")),
        (b'{"inputs": [' + b"9" * 5000 + b"]}", (400, "not_json")),
        (b"[]", (422, "no_inputs")),
        (b"null", (422, "no_inputs")),
        (b'{"inputs": []}', (422, "no_inputs")),
        (b'{"inputs": "text"}', (422, "no_inputs")),
        (json.dumps({"inputs": ["a"] * 6}).encode(), (422, "too_many_items")),
        (json.dumps({"inputs": ["a"] * 100_000}).encode(), (413, "body_too_long")),
        (json.dumps({"inputs": [None, 3, [], True]}).encode(), (422, "invalid_item")),
    ],
)
def test_a_body_that_is_wrong_has_a_status_and_a_sentence(
    served: Any, body: bytes, wanted: tuple[int, str]
) -> None:
    client = served(max_items=5, max_bytes=200_000)
    assert client.code("/predict", body) == wanted
    assert client.predict("a")["answers"][0]["text"] == "a"


@pytest.mark.parametrize(
    ("path", "settings", "wanted"),
    [
        ("/predict", {"headers": {"Content-Type": "text/plain"}}, (415, "not_json_type")),
        ("/models/other/predict", {}, (404, "no_model")),
        ("/nowhere", {}, (404, "no_path")),
        ("/predict", {"method": "PUT"}, (405, "no_method")),
        ("/corrections", {}, (404, "no_corrections")),
    ],
)
def test_a_request_of_another_kind_is_refused(
    served: Any, path: str, settings: dict[str, Any], wanted: tuple[int, str]
) -> None:
    assert served().code(path, {"inputs": ["a"]}, **settings) == wanted


def test_the_key_is_asked_for_everywhere_but_where_nothing_is_said(served: Any) -> None:
    client = served(api_key="k" * 20)
    for path in ("/health", "/ready", "/"):
        assert client.ask(path)[0] == 200
    for path in ("/metrics", "/models", "/openapi.json", "/docs"):
        assert client.code(path, None) == (401, "no_key")
    body = {"inputs": ["a"]}
    for headers in ({}, {"X-API-Key": "k" * 19}, {"Authorization": f"Basic {'k' * 20}"}):
        assert client.code("/predict", body, headers=headers) == (401, "no_key")
    for headers in ({"X-API-Key": "k" * 20}, {"Authorization": f"Bearer {'k' * 20}"}):
        assert client.ask("/predict", body, headers)[0] == 200


def test_a_page_of_a_stranger_reaches_nothing(served: Any) -> None:
    """By a name that resolves to this machine, or without asking the browser for leave."""
    client = served(hosts=("localhost", "127.0.0.1"))
    assert client.ask("/health")[0] == 200
    assert client.code("/health", None, headers={"Host": "evil.example"}) == (421, "wrong_host")
    status, _, headers = client.ask(
        "/predict", {"inputs": ["a"]}, {"Origin": "http://evil.example"}
    )
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control")]
    assert client.ask("/predict", method="OPTIONS")[0] == 405
    assert client.code("/reload", b"{}", headers={"Content-Type": "text/plain"})[0] == 415


def test_the_page_of_openapi_has_an_example_that_works(served: Any) -> None:
    client = served(max_items=9, api_key=None)
    _, document, _ = client.ask("/openapi.json")
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    inputs = content["schema"]["properties"]["inputs"]
    assert inputs["maxItems"] == 9
    assert inputs["items"]["anyOf"][1]["required"] == ["text"]
    assert client.ask("/predict", content["example"])[0] == 200
    assert "/models/first/predict" in document["paths"]


def test_metrics_count_what_happens(served: Any) -> None:
    client = served()
    client.predict("a b c", "long", {"text": 3})
    client.ask("/nowhere")
    assert client.metric('ft_items_total{model="first",outcome="answered"}') == 2
    assert client.metric('ft_items_total{model="first",outcome="invalid_item"}') == 1
    assert client.metric('ft_tokens_total{model="first"}') == 8
    assert client.metric('ft_cut_texts_total{model="first"}') == 1
    assert client.metric('ft_labels_total{label="pos",model="first"}') == 2
    assert client.metric('ft_confidence_bucket{le="0.85",model="first"}') == 0
    assert client.metric('ft_confidence_bucket{le="0.9",model="first"}') == 2
    assert client.metric('ft_batch_items_sum{model="first"}') == 3
    assert client.metric('ft_requests_total{route="predict",status="200"}') == 1
    assert client.metric('ft_requests_total{route="none",status="404"}') == 1
    assert client.metric("ft_queue_items") == 0
    assert client.metric('ft_model{hash="first",model="first",version="run"}') == 1


def test_nothing_that_was_asked_comes_into_the_log(
    served: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = served()
    client.ask("/predict", {"inputs": ["raise", "private words"]})
    client.ask("/private-words?private=words")
    client.ask("/predict", b"{private words")
    said = caplog.text
    assert "RuntimeError at" in said
    assert "predict 200" in said
    assert "private" not in said
    assert "nobody may read" not in said


def test_the_log_has_it_where_that_is_asked_for(
    served: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    served(log_texts=True).ask("/predict", {"inputs": ["raise"]})
    assert "nobody may read" in caplog.text
