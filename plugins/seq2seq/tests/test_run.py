"""Runs: learning, parts, files, references, dialogues, requests, plain transformers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import ft
from ft.cli.main import main
from ft_kit import write_rows

Go = Callable[..., Any]


def read(path: Path | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def evaluations(result: Any) -> list[dict[str, Any]]:
    """The metrics of each evaluation during training."""
    rows = read(result.output / "metrics.jsonl")
    found = [row["metrics"] for row in rows if row.get("split") == "validation"]
    return [one for one in found if not one.get("final")][:8]


def test_it_learns_to_write(trained: Any, files: dict[str, str]) -> None:
    scores = trained.metrics["test"]
    assert scores["chrf"].value > 60
    assert scores["chrf"].low < scores["chrf"].value <= scores["chrf"].high
    assert scores["cut"].value == scores["empty"].value == 0
    assert trained.main == "chrf"
    table = next(one for one in trained.tables if one.title == "Baselines")
    of = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert of["the source itself"]["chrf"] < of["the model"]["chrf"]
    assert of["the model"]["chrf"] == pytest.approx(scores["chrf"].value)


def test_requests_give_what_the_test_split_was_given(trained: Any, files: dict[str, str]) -> None:
    found = read(trained.output / "predictions" / "test.jsonl")
    asked = list(ft.predict(trained.output, [row["source"] for row in read(files["test"])]))
    assert [one["target"] for one in asked] == [one["target"] for one in found]
    schema = ft.load(trained.output).request_schema()
    for one in ft.predict(trained.output, schema["examples"]):
        assert isinstance(one["target"], str)


def test_the_model_folder_is_plain_transformers(trained: Any, files: dict[str, str]) -> None:
    """Without any argument ``generate`` writes the same texts, by the settings saved beside."""
    folder = trained.output / "model"
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = read(files["test"])
    inputs = tokenizer([row["source"] for row in rows], return_tensors="pt", padding=True)
    written = tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    found = read(trained.output / "predictions" / "test.jsonl")
    assert written == [one["target"] for one in found]
    saved = model.generation_config
    assert (saved.num_beams, saved.do_sample) == (2, False)
    longest = max(len(tokenizer(row["target"])["input_ids"]) for row in read(files["train"]))
    assert saved.max_new_tokens == max(8, math.ceil(1.2 * longest))


def test_the_loss_is_that_of_the_tokens_of_the_references(
    trained: Any, files: dict[str, str]
) -> None:
    """Each token counts once, padding never, and smoothing is for training alone."""
    folder = trained.output / "model"
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    total = count = 0.0
    for row in read(files["test"]):
        inputs = tokenizer(row["source"], return_tensors="pt")
        labels = tokenizer(text_target=row["target"], return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits = model(**inputs, labels=labels).logits
        total += float(cross_entropy(logits[0], labels[0], reduction="sum"))
        count += labels.numel()
    assert trained.metrics["test"]["loss"].value == pytest.approx(total / count, rel=1e-4)


def test_a_part_is_written_during_training_and_all_at_the_end(trained: Any) -> None:
    tables = json.loads((trained.output / "predictions" / "validation.tables.json").read_text())
    assert "were written and scored" not in json.dumps(tables)
    assert len(read(trained.output / "predictions" / "validation.jsonl")) == 24
    logged = evaluations(trained)
    assert len(logged) == 8
    # The rates of six texts are sixths.
    rates = [metrics["empty"]["value"] for metrics in logged]
    assert [6 * rate for rate in rates] == pytest.approx([round(6 * rate) for rate in rates])
    notes = " ".join(trained.record["notes"])
    assert "texts are written so: 2 beams, length penalty 1, at most " in notes


def test_the_loss_picks_where_no_text_is_written(go: Go, files: dict[str, str]) -> None:
    result = go({**files, "generate": 0, "beams": 1}, epochs=1)
    assert result.main == "loss"
    assert "chrf" not in evaluations(result)[0]
    assert result.metrics["test"]["chrf"].value >= 0


@pytest.mark.parametrize("kind", ["bart", "marian"])
def test_other_models_learn(go: Go, files: dict[str, str], kind: str) -> None:
    settings = {**files, "beams": 2, "generate": 0}
    result = go(settings, kind=kind)
    assert result.metrics["test"]["loss"].value < 2.5
    assert evaluations(result)[0]["loss"]["value"] > 2.5
    assert result.metrics["test"]["chrf"].value > 5


def test_parallel_files_are_read_line_by_line(
    go: Go, files: dict[str, str], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"parallel": ["en", "de"]}
    for split, path in files.items():
        for side, ending in (("source", "en"), ("target", "de")):
            lines = "".join(f"{row[side]}\n" for row in read(path))
            (tmp_path / f"{split}.{ending}").write_text(lines)
        given[split] = str(tmp_path / f"{split}.en")
    more: dict[str, Any] = {"epochs": 1, "max_steps": 3}
    scores = [go({**one, "beams": 1}, **more).metrics["test"] for one in (files, given)]
    assert scores[0]["loss"].value == scores[1]["loss"].value
    assert scores[0]["chrf"].value == scores[1]["chrf"].value
    with (tmp_path / "train.de").open("a") as file:
        file.write("zuviel\n")
    with pytest.raises(ft.FtError, match=r"train\.en has 160 lines and .*train\.de has 161"):
        go(given, **more)
    (tmp_path / "train.de").write_text("\n" + "eins\n" * 159)
    with pytest.raises(ft.FtError, match=r"^[^\n]*(?<!\.en)/train\.de:1: has an empty target"):
        go(given, **more)
    (tmp_path / "train.de").write_text("größer\n" * 160, encoding="cp1252")
    with pytest.raises(ft.FtError, match=r"train\.de: .*(?s:.*)seq2seq.encoding = 'cp1252'"):
        go(given, **more)
    (tmp_path / "train.de").unlink()
    with pytest.raises(ft.ConfigError, match=r"train\.de does not exist"):
        go(given, **more)


def test_rows_of_parallel_files_that_are_set_aside_have_the_file_that_is_wrong(
    go: Go, tmp_path: Path
) -> None:
    lines = {"en": [f"one {n}" for n in range(40)], "de": [f"eins {n}" for n in range(40)]}
    lines["en"][4] = lines["de"][7] = ""
    for split in ("train", "test"):
        for ending, own in lines.items():
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / split / f"texts.{ending}").write_text("\n".join(own) + "\n")
    given = {split: str(tmp_path / split / "texts.en") for split in ("train", "test")}
    settings = {**given, "parallel": ["en", "de"], "on_bad_row": "skip", "beams": 1}
    result = go(settings, max_steps=1)
    rows = read(result.output / "bad_rows.jsonl")
    assert [(row["file"], row["line"], row["reason"]) for row in rows] == [
        ("texts.en", 5, "has an empty source"),
        ("texts.de", 8, "has an empty target"),
    ] * 2
    ft.evaluate(result.output, given["test"])
    assert {row["file"] for row in read(result.output / "bad_rows-test.jsonl")} == {
        "texts.en",
        "texts.de",
    }


def test_parallel_files_with_a_mark_and_windows_ends_are_read_as_they_are_meant(
    go: Go, tmp_path: Path
) -> None:
    lines = [f"one two {n}" for n in range(30)]
    (tmp_path / "train.en").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    (tmp_path / "train.de").write_bytes("\n".join(lines).encode("utf-16"))
    train = str(tmp_path / "train.en")
    result = go({"train": train, "parallel": ["en", "de"], "beams": 1}, max_steps=1)
    told = next(one for one in result.record["read"] if one["split"] == "train")
    assert told["files"][0]["file"].endswith("train.en")
    for rows in ft.load(result.output).data().splits.values():
        assert rows["source"] == rows["target"]
        assert set(rows["source"]) <= set(lines)


def test_several_references_are_scored_against(
    go: Go, files: dict[str, str], tmp_path: Path
) -> None:
    rows = [{**row, "target": ["nothing alike", row["target"]]} for row in read(files["test"])]
    test = write_rows(tmp_path / "test.jsonl", rows)
    result = go({**files, "test": test, "beams": 1}, epochs=6)
    assert result.metrics["test"]["chrf"].value > 40
    assert "several references" in " ".join(result.record["notes"])


def test_dialogues_give_a_reply_each(go: Go, tmp_path: Path) -> None:
    chats = [
        {"turns": [{"role": r, "content": c} for r, c in zip(("user", "assistant") * 2, words, strict=True)]}
        for words in [("one", "eins", "two", "zwei"), ("three", "drei", "four", "vier")] * 20
    ]  # fmt: skip
    data = {
        split: write_rows(tmp_path / f"{split}.jsonl", chats) for split in ("train", "validation")
    }
    result = go({**data, "dialogue": True, "history": 1, "beams": 1}, epochs=8)
    assert result.metrics["validation"]["chrf"].value > 80
    assert "40 dialogues of train hold 80 replies" in " ".join(result.record["notes"])
    turns = [{"role": "user", "content": word} for word in ("one", "three")]
    written = [one["target"] for one in ft.predict(result.output, [{"turns": turns}, "three"])]
    assert written[0] == written[1]


def test_what_is_cut_in_training_is_said(go: Go, files: dict[str, str]) -> None:
    settings = {**files, "longest": 2, "beams": 1, "prefix": "in german: "}
    result = go(settings, max_steps=2, max_length=5)
    notes = " ".join(result.record["notes"])
    assert "training targets have more than 2 tokens and are cut (seq2seq.longest)" in notes
    assert "of 160 training sources have more than 5 tokens" in notes
    assert result.metrics["test"]["length_ratio"].value < 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"source": "one", "target": ""}, "has an empty target"),
        ({"source": " ", "target": "eins"}, "has an empty source"),
        ({"source": "\u200b", "target": "eins"}, "has an empty source"),
        ({"source": "one", "target": "\u200b"}, "has an empty target"),
        ({"source": "one", "target": None}, "has no target"),
    ],
)
def test_a_pair_without_a_text_is_refused_with_its_line(
    go: Go, files: dict[str, str], tmp_path: Path, row: Any, why: str
) -> None:
    train = write_rows(tmp_path / "train.jsonl", [*read(files["train"]), row])
    with pytest.raises(ft.FtError, match=rf"train\.jsonl:161: {why}"):
        go({**files, "train": train})


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"text": "one"}, "needs a source"),
        ({"source": ["a", 1]}, "turn 2"),
        ({"source": ""}, "is empty"),
        ("\u200b ", "is empty"),
        ({"source": [" "]}, "is empty"),
    ],
)
def test_a_request_that_lacks_something_is_refused(trained: Any, request_: Any, why: str) -> None:
    with pytest.raises(ft.DataError, match=why):
        ft.predict(trained.output, [request_])


def test_a_model_that_cannot_write_is_refused(
    go: Go, files: dict[str, str], tmp_path: Path
) -> None:
    from ft_kit import tiny_bert

    with pytest.raises(ft.ConfigError, match="no encoder-decoder model") as error:
        go(files, model=str(tiny_bert(tmp_path / "bert")))
    assert "ft new-model" in str(error.value.hint)


def test_a_new_model_is_made_of_the_users_texts(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["new-model", str(tmp_path / "new"), files["train"], "--size", "tiny"]
    assert main([*command, "--vocabulary", "300", "--column", "target"]) == 0
    assert "from 160 texts" in capsys.readouterr().out
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "new")
    text = "eins  Zwölf\n猫 हिन्दी"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert main([*command]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["new-model", str(tmp_path / "b"), files["train"], "--column", "text"]) == 2
    assert "its columns are" in capsys.readouterr().err


def test_the_report_shows_the_worst_texts_first(trained: Any) -> None:
    page = (trained.output / "report.html").read_text()
    assert "those with the most wrong targets come first" in page


def test_techniques_work_on_it(go: Go, files: dict[str, str]) -> None:
    result = go({**files, "beams": 1}, "augment", "adversarial", max_steps=4)
    assert 0 <= result.metrics["test"]["chrf"].value <= 100


def test_the_page_of_ft_serve_shows_and_corrects_texts() -> None:
    page = pytest.importorskip("ft_serve.page")
    (view,) = page.views(["seq2seq"])
    assert "answer.target" in view
    assert "target: area.value" in view
