"""Runs: learning, nothing fits, requests, adding and removing answers, other libraries and plugins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer
from typer.testing import CliRunner

import ft
from ft.cli.main import app
from ft_answers.change import change
from ft_kit import tiny_bert
from ft_kit.compare import tensors
from ft_kit.tasks import VOCABULARY

Go = Callable[..., Any]

GRADIENTS = """
from safetensors.torch import save_file

import ft


class Gradients(ft.Plugin):
    \"\"\"Keeps the gradients of the first step.\"\"\"

    @ft.hookimpl
    def on_gradients(self, run, model):
        if run.step == 0:
            found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
            dense = {n: g.to_dense() if g.is_sparse else g for n, g in found.items()}
            save_file(dense, run.output / "gradients.safetensors")
"""


def read(path: Path | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def table(result: Any, title: str) -> list[dict[str, Any]]:
    (one,) = [one for one in result.tables if one.title == title]
    return [dict(zip(one.columns, row, strict=True)) for row in one.rows]


def test_answers_are_found_and_compared_with_other_rankings(
    trained: Any, files: dict[str, str]
) -> None:
    scores = trained.metrics["test"]
    # Of so many answers, guessing finds hardly one.
    assert scores["hit@1"].value > 0.5
    assert scores["hit@1"].value <= scores["hit@3"].value <= scores["hit@5"].value
    rows = table(trained, "Baselines")
    assert [row["ranking"] for row in rows] == ["answers", "BM25", "TF-IDF", "untrained encoder"]
    assert rows[0]["mrr"] == pytest.approx(scores["mrr"].value, abs=1e-4)
    assert rows[3]["mrr"] < rows[0]["mrr"]
    page = (trained.output / "report.html").read_text()
    assert "How far down the true item stands" in page
    assert "Answers that no question reaches" in page


def test_a_trained_run_predicts_with_vectors_of_its_last_weights(
    trained: Any, files: dict[str, str]
) -> None:
    """Vectors of answers that are older than the weights would rank otherwise."""
    rows = read(files["test"])
    found = read(trained.output / "predictions" / "test.jsonl")
    asked = ft.predict(trained.output, [row["question"] for row in rows])
    for one, before in zip(asked, found, strict=True):
        assert one["items"] == before["items"]
        assert one["answer"] == before["answer"]
        assert one["score"] == pytest.approx(before["score"], abs=1e-5)


def test_questions_that_nothing_fits_are_scored_and_told(trained: Any) -> None:
    scores = trained.metrics["test"]
    assert scores["auroc"].value > 0.6
    assert 0 < scores["coverage"].value < 1
    found = read(trained.output / "predictions" / "test.jsonl")
    kept = json.loads((trained.output / "task.json").read_text())["plugins"]["answers"]
    threshold = kept.get("state", kept)["threshold"]
    for one in found:
        assert (one["answer"] is not None) == (one["score"] >= threshold)
    assert {one["answer"] is None for one in found} == {True, False}


def test_the_threshold_is_of_the_validation_split_whatever_is_scored_later(
    trained: Any, files: dict[str, str]
) -> None:
    def threshold() -> Any:
        return json.loads((trained.output / "task.json").read_text())["plugins"]

    before = threshold()
    loaded = ft.load(trained.output)
    first = loaded.predict("anna saw london")
    loaded.evaluate(files["train"], split="test")
    loaded.evaluate(split="validation")
    assert loaded.predict("anna saw london") == first
    assert threshold() == before


def test_questions_below_the_threshold_are_scored_all_the_same(
    go: Go, files: dict[str, str]
) -> None:
    never, always = (
        go({**files, "threshold": value}, max_steps=4).metrics["test"] for value in (1.0, "none")
    )
    assert never["mrr"].value == always["mrr"].value
    assert never["coverage"].value == 0
    assert "coverage" not in always


def test_the_folder_gives_the_same_vectors_in_plain_transformers(trained: Any) -> None:
    folder = trained.output / "model"
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    prompts = json.loads((folder / "config_sentence_transformers.json").read_text())["prompts"]
    assert prompts == {"query": "who "}

    def vectors(texts: list[str]) -> torch.Tensor:
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)

    (found,) = ft.predict(trained.output, ["anna saw london"])
    known = {row["id"]: row for row in read(folder / "answers.jsonl")}[found["items"][0]]
    (asked,) = vectors([prompts["query"] + "anna saw london"])
    entries = [known["answer"], *(prompts["query"] + one for one in known["questions"])]
    assert found["score"] == pytest.approx(float((vectors(entries) @ asked).max()), abs=1e-5)


def test_sentence_transformers_loads_the_folder(trained: Any) -> None:
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(trained.output / "model"), device="cpu")
    (found,) = ft.predict(trained.output, ["anna saw london"])
    row = {row["id"]: row for row in read(trained.output / "model" / "answers.jsonl")}
    best = row[found["items"][0]]
    asked = model.encode("anna saw london", prompt_name="query")
    entries = [model.encode(best["answer"])]
    entries += [model.encode(one, prompt_name="query") for one in best["questions"]]
    assert np.linalg.norm(asked) == pytest.approx(1, abs=1e-5)
    assert max(float(asked @ one) for one in entries) == pytest.approx(found["score"], abs=1e-5)


def test_answers_are_added_and_removed_without_training(trained: Any, tmp_path: Path) -> None:
    before = ft.predict(trained.output, ["anna saw london", "house and the"])
    file = tmp_path / "new.jsonl"
    file.write_text('{"id": "new", "answer": "a house", "question": "house and the"}\n')
    gone = before[0]["items"][0]
    runner = CliRunner()
    told = runner.invoke(
        app, ["answers", str(trained.output), "--add", str(file), "--remove", gone]
    )
    assert told.exit_code == 0, told.output
    assert "1 answers added, 1 taken away" in told.output
    after = ft.predict(trained.output, ["anna saw london", "house and the"])
    assert gone not in after[0]["items"]
    assert after[0]["items"][:5] == before[0]["items"][1:6]
    assert after[1]["items"][0] == "new"
    assert after[1]["score"] == pytest.approx(1, abs=1e-5)  # it is a known question
    with pytest.raises(ft.DataError, match="no answer with the id 'nobody'"):
        change(trained.output, None, ["nobody"])
    file.write_text('{"text": "b"}\n')
    with pytest.raises(ft.DataError, match="no column 'answer'; the columns are 'text'"):
        change(trained.output, file, [])
    # What was taken away is not known any more, and scores as not found.
    file.write_text("".join(f'{{"question": "q {n}", "answer": "{n}"}}\n' for n in (gone, "new")))
    told = runner.invoke(app, ["evaluate", str(trained.output), "--data", str(file)])
    assert "1 test questions have an answer that the run does not know" in told.output
    told = runner.invoke(app, ["answers", str(trained.output), "--reset"])
    assert told.exit_code == 0, told.output
    assert "that the run was trained with are known again" in told.output
    assert ft.predict(trained.output, ["anna saw london", "house and the"]) == before


def test_loss_and_gradient_do_not_depend_on_the_memory(
    go: Go, files: dict[str, str], tmp_path: Path
) -> None:
    """Parts of a batch must not be alone with their own answers."""
    plugin = tmp_path / "gradients.py"
    plugin.write_text(GRADIENTS)
    runs = [
        go({**files, "negatives": 1}, str(plugin), max_tokens=most, batch_size=96, max_steps=1)
        for most in (8192, 400)
    ]
    losses = [read(run.output / "metrics.jsonl")[0]["loss"] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    one, other = (tensors(run.output / "gradients.safetensors") for run in runs)
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-5)


def test_mined_answers_train_and_a_resume_goes_on_with_them(
    go: Go, files: dict[str, str], tmp_path: Path
) -> None:
    result = go({**files, "negatives": 2}, epochs=2)
    shares = [
        row["answers/mined"]
        for row in read(result.output / "metrics.jsonl")
        if "answers/mined" in row
    ]
    assert len(shares) >= 2
    assert result.metrics["test"]["hit@1"].value > 0.2


def test_a_score_of_mixed_ranks_stays_a_cosine(go: Go, files: dict[str, str]) -> None:
    """Ranks order the answers; a threshold is compared with what questions have in common."""
    result = go({**files, "mix": "bm25"}, max_steps=1)
    (one,) = ft.predict(result.output, ["anna saw london"])
    assert one["scores"] == sorted(one["scores"], reverse=True)
    assert max(one["scores"]) <= 2 / 61 + 1e-6 < one["score"]


@pytest.fixture(scope="module")
def cross(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> Path:
    """A cross-encoder that has hardly learnt anything."""
    folder = tmp_path_factory.mktemp("cross")
    texts = {row["id"]: row["answer"] for row in read(files["answers"])}
    rows = [
        {"query": row["question"], "text": texts[one], "grade": int(one == row["answer"])}
        for row in read(files["train"])[:20]
        for one in (row["answer"], next(iter(texts)))
    ]
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = tiny_bert(folder / "model", VOCABULARY, dropout=0.0)
    settings = {"train": str(path), "validation": str(path)}
    given = {"model": str(model), "max_steps": 2, "report": False, "device": "cpu"}
    return ft.run(["rerank"], rerank=settings, output=folder / "run", lint="off", **given).output


def test_a_cross_encoder_orders_the_best_answers_and_no_others(
    go: Go, files: dict[str, str], cross: Path
) -> None:
    plain = go({**files, "top": 5}, max_steps=3)
    result = go({**files, "top": 5, "rerank": str(cross), "rerank_top": 5}, max_steps=3)
    ordered = 0
    for before, after in zip(
        *(read(run.output / "predictions" / "test.jsonl") for run in (plain, result)), strict=True
    ):
        # The right answer is not put among the candidates.
        assert set(before["items"]) == set(after["items"])
        assert after["scores"] == sorted(after["scores"], reverse=True)
        ordered += before["items"] != after["items"]
    assert ordered > 0
    assert result.metrics["test"]["hit@5"].value == plain.metrics["test"]["hit@5"].value
    rows = {row.pop("ranking"): row for row in table(result, "Baselines")}
    before = {row.pop("ranking"): row for row in table(plain, "Baselines")}
    assert "without re-ranking" not in before
    told = "mrr of answers above it"
    del rows["without re-ranking"][told], before["answers"][told]
    assert rows["without re-ranking"] == before["answers"]
    with pytest.raises(ft.FtError, match="is no run of rerank"):
        go({**files, "rerank": str(plain.output)}, max_steps=1)


def test_a_run_says_that_re_ranking_does_harm(go: Go, files: dict[str, str], cross: Path) -> None:
    """A cross-encoder that knows nothing spoils what the model has learnt."""
    result = go({**files, "rerank": str(cross)})
    (note,) = [one for one in result.record["notes"] if "re-ranking" in one]
    assert "does harm" in note
    assert "leave out answers.rerank" in note


def test_pairs_in_a_csv_file_with_other_names(
    go: Go, files: dict[str, str], tmp_path: Path
) -> None:
    texts = {row["id"]: row["answer"] for row in read(files["answers"])}
    path = tmp_path / "faq.csv"
    lines = [f"{row['question']},{texts[row['answer']]}" for row in read(files["train"])]
    path.write_text("\n".join(["asked,said", *lines]) + "\n")
    columns = {"question": "asked", "answer": "said"}
    result = go({"train": str(path), "columns": columns}, max_steps=4)
    assert 0 < result.metrics["validation"]["mrr"].value <= 1
    (one,) = ft.predict(result.output, [{"asked": "anna saw london"}])
    assert one["texts"][0] in texts.values()


@pytest.mark.parametrize("request_", ["", "\u200b", {"text": "who"}, {"question": ["who"]}])
def test_a_request_without_a_question_is_refused(trained: Any, request_: Any) -> None:
    with pytest.raises(ft.DataError):
        ft.predict(trained.output, [request_])


def test_techniques_work_on_it(go: Go, files: dict[str, str]) -> None:
    result = go(files, "augment", "adversarial", max_steps=4)
    assert 0 <= result.metrics["test"]["mrr"].value <= 1
