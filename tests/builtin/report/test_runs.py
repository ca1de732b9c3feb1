"""Reports of real runs of the three tasks, and the command that makes them again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main

RENDERERS = {"ner": "words", "sentiment": "labels", "recommend": "lists"}


@pytest.fixture(scope="module", params=RENDERERS)
def finished(
    request: pytest.FixtureRequest,
    start: Any,
    data_files: dict[str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path]:
    """The task, and the folder of a run of it."""
    task = str(request.param)
    folder = tmp_path_factory.mktemp(task) / "run"
    start([task], folder, report=True, evaluate_steps=2, **{task: data_files[task]})
    return task, folder


def test_a_run_leaves_a_report_that_a_browser_shows(
    finished: tuple[str, Path], look: Any, held: Any
) -> None:
    task, folder = finished
    record = json.loads((folder / "record.json").read_text())
    seen = look(folder)
    assert seen.text("h1") == task
    for split in held(folder)["splits"]:
        assert split["view"] == RENDERERS[task]
        assert split["total"] == record["data"][split["name"]]["examples"]
    assert seen.text(".card.first .name") == record["main"]
    score = record["metrics"]["test"][record["main"]]
    assert seen.text(".card.first .value") == f"{score['value']:.4f}"
    assert seen.text(".card.first .interval").startswith("95 %")
    assert seen.page.locator("#curves svg").count() >= 3
    assert "run/config.toml" in seen.text("#origin pre")
    for word in ("train", "test", record["data"]["train"]["fingerprint"][:16]):
        assert word in seen.text("#data")
    assert "load_data" in seen.text("#costs")
    assert "transformers" in seen.text("#origin")
    seen.page.evaluate("document.querySelector('#kinds button:last-child').click()")
    assert len(seen.shown()) == min(20, split_size(held(folder)))
    row = json.loads((folder / "predictions" / "test.examples.jsonl").read_text().splitlines()[0])
    if task != "recommend":
        assert seen.page.locator("#errors .matrix").count() >= 1
        file = Path(record["data"]["test"]["files"][0])
        assert row["place"] == f"{file}:1"
    else:
        titles = json.loads((folder / "predictions" / "test.titles.json").read_text())
        assert row["candidate"] in titles.values()
        assert any(title in seen.shown()[0] for title in titles.values())


def test_every_filter_of_a_run_shows_as_many_as_it_says(
    finished: tuple[str, Path], look: Any
) -> None:
    seen = look(finished[1], viewport={"width": 360, "height": 800}, color_scheme="dark")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    pills = seen.pills()
    assert pills[""] > 0
    for kind, count in pills.items():
        seen.pill(kind)
        assert len(seen.shown()) == min(20, count), kind
    whole = seen.shown()
    word = whole[0].split()[0]
    seen.page.fill("#search", word)
    assert 1 <= len(seen.shown()) <= len(whole)
    assert all(word.lower() in text.lower() for text in seen.shown())
    seen.page.fill("#search", "no such text anywhere")
    assert seen.shown() == []


def split_size(data: Any) -> int:
    return len(data["splits"][0]["examples"])


def test_the_statistics_of_the_data_are_in_the_record(finished: tuple[str, Path]) -> None:
    task, folder = finished
    data = json.loads((folder / "record.json").read_text())["data"]
    rows = [
        json.loads(line)
        for line in (folder / "predictions" / "test.examples.jsonl").read_text().splitlines()
    ]
    known = data["test"]["statistics"]
    column = {"ner": "tokens", "sentiment": "text", "recommend": "candidate"}[task]
    lengths = sorted(len(row[column]) for row in rows)
    spread = known["lengths"][column]
    assert (spread["min"], spread["max"]) == (lengths[0], lengths[-1])
    assert spread["median"] in lengths
    if task == "ner":
        begun = [tag[2:] for row in rows for tag in row["tags"] if tag[0] == "B"]
        assert known["labels"] == {
            "of": "spans",
            "counts": {kind: begun.count(kind) for kind in sorted(set(begun), key=begun.count)},
        }
    elif task == "sentiment":
        labels = [row["label"] for row in rows]
        assert known["labels"]["counts"] == {name: labels.count(name) for name in set(labels)}
    else:
        assert known["groups"] == len({row["user"] for row in rows})


def test_the_command_makes_the_same_page_again(
    finished: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished[1]
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert (folder / "report.html").read_bytes() == before


def test_what_is_no_finished_run_is_refused(
    finished: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "there is no finished run here" in capsys.readouterr().err
    copy = tmp_path / "copy"
    shutil.copytree(finished[1], copy, ignore=shutil.ignore_patterns("model", "checkpoints"))
    line = (copy / "metrics.jsonl").read_text()
    (copy / "metrics.jsonl").write_text(line + "{broken\n")
    assert main(["report", str(copy)]) == 2
    said = capsys.readouterr().err
    assert f"{copy / 'metrics.jsonl'}:{line.count(chr(10)) + 1}" in said
    (copy / "record.json").unlink()
    assert main(["report", str(copy)]) == 2
    assert f"ft run --resume {copy}" in capsys.readouterr().err


def test_without_examples_the_rest_of_the_page_is_there(
    finished: tuple[str, Path], tmp_path: Path, look: Any
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished[1], copy, ignore=shutil.ignore_patterns("model", "checkpoints"))
    for path in (copy / "predictions").glob("*.examples.jsonl"):
        path.unlink()
    assert main(["report", str(copy)]) == 0
    seen = look(copy)
    assert seen.page.locator("#examples").count() == 0
    assert "does not hold the examples" in seen.text("#errors")
    assert seen.page.locator("#errors table").count() >= 1


def test_a_report_that_fails_does_not_lose_the_run(
    go: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ft.builtin.report import build

    def fail(path: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(build, "write_report", fail)
    result = go(["words"], max_steps=1, report=True)
    assert not (result.output / "report.html").exists()
    assert ft.run(resume=result.output).metrics == result.metrics


def test_a_run_without_a_report(go: Any) -> None:
    result = go(["texts"], max_steps=1, report=False)
    assert not (result.output / "report.html").exists()
    assert main(["report", str(result.output)]) == 0
    assert (result.output / "report.html").exists()
