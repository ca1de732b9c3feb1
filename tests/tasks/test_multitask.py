"""Topic and sentiment are learnt together: one encoder, one file with two labels, or two files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

import ft

ONE = """
from pathlib import Path

import ft
from datasets import Dataset, DatasetDict
from ft import Evaluation, Label, Metric, Schema, TaskData, Text, hookimpl
from pydantic import Field


class One(ft.Plugin):
    \"\"\"One label of a text.\"\"\"

    class Config(ft.Config):
        folder: Path = Field(description="with SPLIT.jsonl")
        label: str = Field(description="the column of the label")

    @hookimpl
    def load_data(self, run):
        splits = {
            split: Dataset.from_json(str(self.config.folder / f"{split}.jsonl"), cache_dir=str(run.output / ".hub"))
            for split in ("train", "validation", "test")
        }
        column = self.config.label
        splits = {
            split: Dataset.from_dict({"text": rows["text"], "label": rows[column]})
            for split, rows in splits.items()
        }
        names = tuple(sorted(set(splits["train"]["label"])))
        return TaskData(DatasetDict(splits), Schema(texts=(Text("text"),), label=Label(names=names)))

    @hookimpl
    def evaluate(self, run, predictions):
        gold = predictions.examples["label"]
        right = [item["label"] == g for item, g in zip(predictions.items, gold, strict=True)]
        return Evaluation({"accuracy": Metric(sum(right) / len(right))}, "accuracy")
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Settings of two tasks from one file."""
    rng = random.Random(0)
    for split, count in (("train", 96), ("validation", 16), ("test", 16)):
        rows = []
        for _ in range(count):
            place, mood = rng.choice(["paris", "rome"]), rng.choice(["went", "saw"])
            rows.append({"text": f"anna {mood} the house in {place}", "topic": place, "mood": mood})
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{split}.jsonl").write_text(text)
    (tmp_path / "one.py").write_text(ONE)
    spec = str(tmp_path / "one.py")
    return {
        "tasks": {"topic": spec, "mood": spec},
        "settings": {name: {"folder": str(tmp_path), "label": name} for name in ("topic", "mood")},
    }


def test_two_tasks_share_an_encoder(
    resumed: Any, tiny_model: Path, settings: dict[str, Any]
) -> None:
    result = resumed(
        "multitask", tiny_model, 5, multitask=settings, epochs=16, batch_size=16, learning_rate=1e-3
    )
    scores = result.metrics["test"]
    # Guessing gives 0.5, 0.5 and 2 ln 2 = 1.39.
    assert scores["mood/accuracy"].value == 1.0
    assert scores["mean"].value >= 0.75
    assert scores["loss"].value < 1.2
    folder = result.output / "predictions"
    texts = [json.loads(line)["text"] for line in (folder / "test.examples.jsonl").open()]
    found = [json.loads(line) for line in (folder / "test.jsonl").open()]
    for asked, items in zip(ft.predict(result.output, texts), found, strict=True):
        assert {"topic", "mood"} <= asked.keys()
        assert all(asked[name]["label"] == item["label"] for name, item in items.items())
    model = result.output / "model"
    assert {path.name for path in model.iterdir() if path.is_dir()} == {"topic", "mood"}


def test_a_wrong_setting_is_told_under_the_task(
    go: Any, settings: dict[str, Any], tmp_path: Path
) -> None:
    settings["settings"]["mood"]["lable"] = settings["settings"]["mood"].pop("label")
    with pytest.raises(ft.FtError) as failure:
        go([str(Path(__file__).parent / "multitask.py")], multitask=settings)
    assert "mood.lable" in str(failure.value)


def test_entities_and_feeling_from_a_file_each(
    resumed: Any, tiny_model: Path, data_files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """Tags for words and a class for a text, both called ``labels``; thousands of rows of the first
    task stand before the first of the second.
    """
    many = tmp_path / "many.conll"
    text = Path(data_files["ner"]["train"]).read_text().strip()
    many.write_text("\n\n".join([text] * 30) + "\n")
    result = resumed(
        "multitask",
        tiny_model,
        3,
        multitask={
            "tasks": {"names": "ner", "feeling": "sentiment"},
            "settings": {
                "names": {**data_files["ner"], "train": str(many)},
                "feeling": data_files["sentiment"],
            },
        },
        max_steps=6,
        batch_size=16,
    )
    assert {"names/f1", "feeling/accuracy", "mean"} <= result.metrics["test"].keys()
    (answer,) = ft.predict(result.output, ["anna went to london"])
    assert len(answer["names"]["tags"]) == 4
    assert "entities" in answer["names"]
    assert "label" in answer["feeling"]
