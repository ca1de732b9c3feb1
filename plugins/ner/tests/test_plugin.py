"""The plugin in a run: what it reads, predicts and scores; its card."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_ner import Ner
from ft_ner.plugin import NerConfig

ROOT = Path(__file__).resolve().parents[1]
CARD = (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_run_learns_scores_and_predicts(trained: Any) -> None:
    assert trained.metrics["test"]["f1"].value > 0.9
    assert trained.metrics["test"]["coverage"].value == 1
    text = "Anna, ben went to New York."
    (found,) = ft.predict(trained.output, text)
    assert found["tokens"] == ["Anna", ",", "ben", "went", "to", "New", "York", "."]
    assert [(e["type"], e["text"]) for e in found["entities"]] == [
        ("PER", "Anna"),
        ("PER", "ben"),
        ("LOC", "New York"),
    ]
    for entity in found["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0.5 < entity["score"] <= 1
    lines = (trained.output / "predictions" / "test.jsonl").read_text().splitlines()
    assert len(lines) == 40
    assert set(json.loads(lines[0])) == {"tags", "scores", "entities"}


def test_a_sentence_longer_than_the_model_is_scored_whole(trained: Any, tmp_path: Path) -> None:
    sentence = "anna went to new york and ben saw the house in paris ."
    words = sentence.split() * 20
    tags = ["B-PER", "O", "O", "B-LOC", "I-LOC", "O", "B-PER", "O", "O", "O", "O", "B-LOC", "O"]
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"tokens": words, "tags": tags * 20}) + "\n")
    scores = ft.evaluate(trained.output, long).metrics["test"]
    assert scores["coverage"].value == 1
    assert scores["recall"].value > 0.9
    (found,) = ft.predict(trained.output, " ".join(words))
    assert len(found["tags"]) == len(words)


def test_texts_and_words_may_be_asked_for_together(trained: Any) -> None:
    given = ["anna saw paris", {"tokens": ["anna-ben", "saw", "paris"]}, {"text": "ben"}]
    first, words, last = ft.predict(trained.output, given)
    assert first["entities"][-1]["end"] == len("anna saw paris")
    assert words["tokens"] == ["anna-ben", "saw", "paris"]
    assert words["entities"]
    assert all("start" not in entity for entity in words["entities"])
    assert last["entities"][0]["text"] == "ben"


def test_empty_texts_have_no_entities(trained: Any) -> None:
    for found in ft.predict(trained.output, ["", "   ", {"tokens": []}]):
        assert (found["tags"], found["scores"], found["entities"]) == ([], [], [])


def test_plain_tags_give_tags_and_no_entities(train: Callable[..., Any], tmp_path: Path) -> None:
    rows = [
        {"tokens": ["anna", "saw", f"house{i}"], "tags": ["NOUN", "VERB", "NOUN"]}
        for i in range(40)
    ]
    file = tmp_path / "pos.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = train(train=str(file), test=str(file), epochs=6)
    assert result.metrics["test"]["accuracy"].value > 0.9
    assert "f1" not in result.metrics["test"]
    (found,) = ft.predict(result.output, "anna saw paris")
    assert found["tags"] == ["NOUN", "VERB", "NOUN"]
    assert "entities" not in found


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(ft.ConfigError, match=r"decodng(.|\n)*decoding"):
        ft.run(["ner"], ner={"train": "a.conll", "decodng": "argmax"})


def test_the_card_lists_every_setting_of_its_own_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (?:`([^`]+)`|none) \|", CARD, re.MULTILINE))
    own = set(NerConfig.model_fields) - set(ft.DataConfig.model_fields)
    defaults = {
        name: str(value).lower() if isinstance(value, bool) else str(value or "")
        for name, value in NerConfig().model_dump().items()
        if name in own
    }
    assert listed == defaults


def test_the_entry_point_names_the_plugin() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert declared["project"]["entry-points"]["ft.plugins"] == {"ner": "ft_ner:Ner"}
    (found,) = [point for point in entry_points(group="ft.plugins") if point.name == "ner"]
    assert found.load() is Ner
