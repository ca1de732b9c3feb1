"""What a finished run is good for: transformers load its model, ``ft predict`` answers."""

from __future__ import annotations

import gc
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main

SENTENCES = ["anna went to london", "the house in paris", "ben"]


@pytest.fixture(scope="module")
def ner(
    start: Callable[..., Any], data_files: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("use") / "ner"
    start(["ner", "augment"], folder, epochs=6, ner=data_files["ner"])
    return folder


@pytest.fixture(scope="module")
def sentiment(
    start: Callable[..., Any], data_files: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("use") / "sentiment"
    settings = data_files["sentiment"] | {"calibrate": False}
    start(["sentiment", "adversarial"], folder, epochs=3, sentiment=settings)
    return folder


def answers(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_transformers_load_a_tagger_unchanged(ner: Path) -> None:
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    model = AutoModelForTokenClassification.from_pretrained(ner / "model")
    tokenizer = AutoTokenizer.from_pretrained(ner / "model")
    ours = ft.predict(ner, SENTENCES)
    for sentence, answer in zip(SENTENCES, ours, strict=True):
        with torch.no_grad():
            logits = model(**tokenizer(sentence, return_tensors="pt")).logits[0, 1:-1]
        theirs = [model.config.id2label[int(i)] for i in logits.argmax(-1)]
        assert len(theirs) == len(answer["tags"])
        scores = logits.softmax(-1).max(-1).values.tolist()
        for tag, their_tag, score, their_score in zip(
            answer["tags"], theirs, answer["scores"], scores, strict=True
        ):
            # Where BIO2 forbids the likeliest tag the run takes the next one.
            assert tag != their_tag or score == pytest.approx(their_score, abs=1e-5)
    tag = pipeline("token-classification", str(ner / "model"), device="cpu")
    words = [one["word"] for one in tag(SENTENCES[0])]
    assert set(words) <= set(SENTENCES[0].split())


def test_transformers_load_a_classifier_unchanged(sentiment: Path) -> None:
    from transformers import pipeline

    classify = pipeline("text-classification", str(sentiment / "model"), device="cpu", top_k=None)
    for theirs, ours in zip(classify(SENTENCES), ft.predict(sentiment, SENTENCES), strict=True):
        assert {one["label"]: one["score"] for one in theirs} == pytest.approx(
            ours["scores"], abs=1e-5
        )


def test_predict_a_text_file(ner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(SENTENCES) + "\n")
    assert main(["predict", str(ner), str(tmp_path / "texts.txt")]) == 0
    found = answers(capsys.readouterr().out)
    assert found == ft.predict(ner, SENTENCES)
    assert [one["text"] for one in found] == SENTENCES
    for one in found:
        for entity in one["entities"]:
            assert one["text"][entity["start"] : entity["end"]] == entity["text"]


def test_predict_json_lines_of_words_and_of_texts(
    ner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"tokens": SENTENCES[0].split(), "id": 7}, {"text": SENTENCES[1]}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["predict", str(ner), str(tmp_path / "rows.jsonl")]) == 0
    first, second = answers(capsys.readouterr().out)
    assert first["tags"] == ft.predict(ner, SENTENCES[0])[0]["tags"]
    assert second == ft.predict(ner, SENTENCES[1])[0]


@pytest.mark.parametrize("limits", [(2, 10**9), (10**9, 40), (10**9, 1)])
def test_answers_do_not_wait_for_all_requests(
    sentiment: Path, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ft.builtin import builtin
    from ft.engine import answer, predict
    from ft.reporters.reporter import Reporter

    together = ft.predict(sentiment, SENTENCES * 3)
    for name, value in zip(("REQUESTS", "CHARACTERS"), limits, strict=True):
        monkeypatch.setattr(answer, name, value)
    read: list[str] = []
    requests = (read.append(text) or text for text in SENTENCES * 3)
    answers = predict.predict(sentiment, requests, Reporter(), builtin())
    first = next(answers)
    assert gc.isenabled()
    assert len(read) < 4
    apart = [first, *answers]
    assert [one["label"] for one in apart] == [one["label"] for one in together]
    for one, other in zip(apart, together, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_predict_standard_input(
    sentiment: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    lines = SENTENCES if form == "text" else [json.dumps({"text": text}) for text in SENTENCES]
    stream = io.TextIOWrapper(io.BytesIO("".join(f"{line}\n" for line in lines).encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["predict", str(sentiment), "-"]) == 0
    assert answers(capsys.readouterr().out) == ft.predict(sentiment, SENTENCES)


def test_a_request_that_does_not_fit_is_named(ner: Path) -> None:
    with pytest.raises(ft.DataError, match=r"request 2: .*'tokens' or 'text'"):
        ft.predict(ner, ["anna", {"txet": "ben"}])


def test_a_run_that_is_not_finished_cannot_predict(go: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError):
        go(["words", "stumble"], tmp_path / "run", stumble={"armed": str(tmp_path / "armed")})
    with pytest.raises(ft.UserError, match="this run is not finished") as caught:
        ft.predict(tmp_path / "run", "anna")
    assert f"ft run --resume {tmp_path / 'run'}" in str(caught.value)


def test_runs_of_different_precision_follow_each_other(go: Callable[..., Any]) -> None:
    """In one process, as in a notebook."""
    for precision in ("bf16", "fp32", "bf16"):
        record = go(["words"], precision=precision, max_steps=1).record
        assert record["machine"]["precision"] == {"bf16": "bf16", "fp32": "no"}[precision]


def test_types_that_the_model_does_not_know_are_said(
    ner: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.conll"
    path.write_text("anna\tB-PERSON\nsaw\tO\nben\tB-PERSON\n\n" * 3)
    assert main(["evaluate", str(ner), "--data", str(path)]) == 0
    said = " ".join("".join(capsys.readouterr()).split())
    assert (
        "labels that the model does not know, so that it misses all of them: 'PERSON' (6)" in said
    )


def test_tags_of_another_kind_are_not_scored(ner: Path, tmp_path: Path) -> None:
    (tmp_path / "mail.txt").write_text("send red chairs to paris\nwhen were beds in london\n")
    with pytest.raises(ft.DataError, match="the last words of the lines are no tags"):
        ft.evaluate(ner, tmp_path / "mail.txt")


def test_rows_are_scored_as_a_file_of_them(ner: Path, tmp_path: Path) -> None:
    rows = [{"tokens": ["anna", "saw", "ben"], "tags": ["B-PER", "O", "B-PER"]}] * 3
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    scores = [ft.evaluate(ner, data).metrics["test"] for data in (rows, path)]
    assert scores[0] == scores[1]
