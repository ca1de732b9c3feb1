"""Tasks of two kinds are learnt together, each from files of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ft


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
