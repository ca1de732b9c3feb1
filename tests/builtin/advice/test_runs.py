"""What real runs advise, and the baselines that they are compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ft.cli.main import main

WORDS = ("good", "fine", "bad", "poor")


@pytest.fixture
def reviews(tmp_path: Path) -> dict[str, str]:
    """Texts whose first word tells the class, which logistic regression finds in no time."""
    rows = [f"{WORDS[i % 4]} thing number {i},{'neg' if i % 4 > 1 else 'pos'}" for i in range(360)]
    paths = {}
    for name, part in (("train", rows[:240]), ("validation", rows[240:300]), ("test", rows[300:])):
        path = tmp_path / f"{name}.csv"
        path.write_text("text,label\n" + "\n".join(part) + "\n")
        paths[name] = str(path)
    return paths


def record_of(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text())


def test_a_run_that_learns_nothing_is_told_so(
    go: Any, reviews: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"max_steps": 1, "learning_rate": 1e-9, "advice": True, "report": True}
    result = go(["sentiment"], sentiment=reviews, **settings)
    record = record_of(result.output)
    known = record["baselines"]
    assert (known["split"], known["metric"]) == ("test", "macro_f1")
    assert known["values"]["TF-IDF with logistic regression"] == 1.0
    # One class of two equal ones: its F1 is 2/3 and that of the other 0.
    assert known["values"]["the most frequent class"] == pytest.approx(1 / 3)
    assert 1 <= len(record["advice"]) <= 4
    assert any(
        "no better than TF-IDF with logistic regression (1.0000)" in line
        for line in record["advice"]
    )
    page = (result.output / "report.html").read_text()
    assert "macro_f1 1.0000 on test: TF-IDF with logistic regression" in page
    assert '<ul id="advice">' in page
    # A finished run says it all again.
    capsys.readouterr()
    assert main(["run", "--resume", str(result.output)]) == 0
    said = capsys.readouterr().out.splitlines()
    told = [line for line in said if line.startswith("advice: ")]
    assert told == [f"advice: {line}" for line in record["advice"]]
    assert f"curves, errors and examples: {result.output / 'report.html'}" in said


def test_advice_changes_no_score(go: Any, reviews: dict[str, str]) -> None:
    with_it = go(["sentiment"], sentiment=reviews, max_steps=4, advice=True)
    without = go(["sentiment"], sentiment=reviews, max_steps=4)
    assert with_it.metrics == without.metrics
    own = record_of(without.output)
    assert "advice" not in own
    assert "baselines" not in own


def test_a_lexicon_of_mentions(go: Any, tmp_path: Path) -> None:
    def write(name: str, count: int, *people: str) -> str:
        rows = [
            f"{people[i % len(people)]} B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n" for i in range(count)
        ]
        (tmp_path / name).write_text("\n".join(rows))
        return str(tmp_path / name)

    data = {
        "train": write("a.conll", 60, "Ann", "Bob"),
        "validation": write("b.conll", 60, "Ann"),
        "test": write("c.conll", 60, "Ann", "Eve"),
    }
    result = go(["ner"], ner=data, max_steps=1, advice=True)
    known = record_of(result.output)["baselines"]
    # Of 120 entities the 30 of Eve are not found, and nothing is invented.
    recall = 90 / 120
    wanted = {"a lexicon of the mentions in train": pytest.approx(2 * recall / (1 + recall))}
    assert (known["metric"], known["values"]) == ("f1", wanted)


def test_the_median_for_numbers(go: Any, tmp_path: Path) -> None:
    paths = {}
    for name, values in (("train", (1, 2, 9)), ("validation", (2, 2, 2)), ("test", (1, 2, 6))):
        path = tmp_path / f"{name}.csv"
        path.write_text("text,label\n" + "".join(f"a b {v}.5,{v}.5\n" for v in values * 4))
        paths[name] = str(path)
    result = go(["sentiment"], sentiment={**paths, "kind": "number"}, max_steps=1, advice=True)
    known = record_of(result.output)["baselines"]
    assert known["values"] == {"the median of train for every example": pytest.approx(5 / 3)}


def test_few_examples_have_no_learned_baseline(go: Any, data_files: Any) -> None:
    result = go(["ner"], ner=data_files["ner"], max_steps=1, advice=True)
    assert record_of(result.output)["baselines"]["values"] == {}


def test_advice_that_fails_does_not_lose_the_run(
    go: Any, reviews: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ft.builtin.advice import baselines

    def fail(*_: Any) -> Any:
        raise ValueError("no such thing")

    monkeypatch.setattr(baselines, "scores", fail)
    result = go(["sentiment"], sentiment=reviews, max_steps=1, advice=True)
    record = record_of(result.output)
    assert "no advice: ValueError: no such thing" in record["notes"]
    assert record["metrics"]["test"]["macro_f1"]["value"] is not None
