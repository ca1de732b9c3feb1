"""Tasks of two kinds are learnt together, each from files of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft
from ft.loading.load import load


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
    assert "label" in answer["feeling"]


def test_each_task_answers_as_a_run_of_its_own_does(
    tiny_model: Path, data_files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """With the words and places that it reads, and without what the request says already."""
    own = {"names": data_files["ner"], "feeling": data_files["sentiment"]}
    tasks = {"names": "ner", "feeling": "sentiment"}
    more: dict[str, Any] = {"model": tiny_model, "max_steps": 1, "quiet": True}
    both = ft.run(
        ["multitask"],
        multitask={"tasks": tasks, "settings": own},
        output=tmp_path / "both",
        **more,
    )
    asked = [{"text": "anna went to london", "id": 7}, "ben saw paris"]
    answers = ft.predict(both.output, asked)
    assert list(answers[0]) == ["text", "id", "names", "feeling"]
    assert list(answers[1]) == ["names", "feeling"]
    for name, plugin in tasks.items():
        alone = ft.run([plugin], output=tmp_path / name, **{plugin: own[name]}, **more)
        for answer, single in zip(answers, ft.predict(alone.output, asked), strict=True):
            assert answer[name].keys() == single.keys() - answer.keys()
    for entity in answers[1]["names"]["entities"]:
        assert entity["text"] == "ben saw paris"[entity["start"] : entity["end"]]


def test_lists_of_candidates_are_ordered_beside_classes(
    tiny_model: Path, data_files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """The columns of train are others than those of the splits that are scored."""
    settings = load("rerank").cls.example_settings(tmp_path)
    result = ft.run(
        ["multitask"],
        multitask={
            "tasks": {"order": "rerank", "feeling": "sentiment"},
            "settings": {"order": settings, "feeling": data_files["sentiment"]},
        },
        model=tiny_model,
        max_steps=2,
        output=tmp_path / "run",
    )
    assert "order/mrr" in result.metrics["test"]
    asked = {"text": "good", "query": "rain", "candidates": ["a house", "rain"]}
    (answer,) = ft.predict(result.output, [asked])
    assert sorted(answer["order"]["texts"]) == ["a house", "rain"]


@pytest.mark.parametrize("setting", ["mixup", "label_smoothing", "focal", "dropout_samples"])
def test_what_regularize_does_to_one_task_alone_is_refused_before_the_data_is_read(
    setting: str, tiny_model: Path, tmp_path: Path
) -> None:
    value = 2 if setting == "dropout_samples" else 0.4
    own = {name: {"train": str(tmp_path / "not-there.csv")} for name in ("topic", "mood")}
    with pytest.raises(ft.PluginError, match="cannot work with 'multitask'") as caught:
        ft.run(
            ["multitask", "regularize"],
            multitask={"tasks": dict.fromkeys(own, "sentiment"), "settings": own},
            regularize={setting: value, "r_drop": 1.0},
            model=tiny_model,
        )
    assert str(caught.value.hint).startswith(f"leave out regularize.{setting}, or name ")


@pytest.mark.parametrize("technique", ["contrastive", "pseudo_labels"])
def test_what_needs_a_label_of_every_example_is_refused_before_the_model_is_built(
    technique: str,
    tiny_model: Path,
    data_files: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    (tmp_path / "pool.jsonl").write_text('{"text": "anna went"}\n')
    given = {"pool": str(tmp_path / "pool.jsonl")} if technique == "pseudo_labels" else {}
    own = dict.fromkeys(("topic", "mood"), data_files["sentiment"])
    with pytest.raises(ft.PluginError, match=r"needs data with .*label:single"):
        ft.run(
            ["multitask", technique],
            multitask={"tasks": dict.fromkeys(own, "sentiment"), "settings": own},
            **{technique: given},
            model=tiny_model,
            output=tmp_path / "run",
        )
