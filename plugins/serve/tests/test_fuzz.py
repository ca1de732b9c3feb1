"""Requests at random: whatever is sent gets one status with a sentence, and others are unharmed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

STATUSES = {200, 400, 403, 413, 415, 422}
CODES = {
    *("not_json", "too_deep", "no_inputs", "too_many_items", "invalid_item", "item_too_long"),
    *("no_answers", "file_refused", "body_too_long", "not_json_type"),
}
FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
    derandomize=True,
)

texts = st.text(st.characters(), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["text", "tokens", "file", "label", "offsets", "entities", ""]) | texts,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
items = st.lists(values | st.fixed_dictionaries({"text": values}), max_size=8)
bodies = st.one_of(
    st.binary(max_size=60),
    values.map(json.dumps).map(str.encode),
    items.map(lambda found: json.dumps({"inputs": found}).encode()),
    items.map(lambda found: json.dumps({"inputs": found}, ensure_ascii=False)).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
)


@pytest.fixture(params=["ner", "sentiment"])
def client(request: pytest.FixtureRequest, real: Any, tmp_path: Path) -> Any:
    return real(request.param, max_items=6, max_bytes=2000, corrections=tmp_path)


def test_whatever_is_sent_gets_one_status_with_a_sentence(client: Any) -> None:
    good = "anna went to paris"
    wanted = client.predict(good)["answers"]

    @FUZZ
    @given(bodies)
    def ask(body: bytes) -> None:
        status, value, _ = client.ask("/predict", body)
        assert status in STATUSES, value
        if status == 200:
            asked = json.loads(body)["inputs"]
            wrong = {one["item"] for one in value["errors"]}
            assert len(value["answers"]) == len(asked)
            assert {k for k, one in enumerate(value["answers"]) if one is None} == wrong
            for item, answer in zip(asked, value["answers"], strict=True):
                text = item.get("text") if isinstance(item, dict) else item
                assert answer is None or answer.get("text", text) == text
        else:
            assert value["error"]["code"] in CODES
            assert re.search(r"\w \w", value["error"]["message"])
        assert client.ask("/corrections", body)[0] in STATUSES

    ask()
    assert client.predict(good)["answers"] == wanted


def test_a_wrong_neighbour_changes_nothing(client: Any) -> None:
    good = "anna went to paris"
    wanted = client.predict(good)["answers"][0]

    @FUZZ
    @given(st.lists(values, min_size=1, max_size=3))
    def ask(wrong: list[Any]) -> None:
        body = json.dumps({"inputs": [*wrong, good]})
        if "NaN" in body or "Infinity" in body or "\\ud" in body:
            return  # the whole body is no JSON, or no text
        status, value, _ = client.ask("/predict", body.encode())
        assert status == 200, value
        assert value["answers"][-1]["text"] == good
        for name in ("label", "tags", "entities"):
            if isinstance(wanted.get(name), str):
                assert value["answers"][-1][name] == wanted[name]

    ask()
