"""`ft suspect`: labels that were made wrong are found, and nothing is asked of what was learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft import UserError
from ft_curate import suspect
from ft_curate.suspects.confident import confident
from ft_kit import write_rows

Rows = Callable[[int, int], list[dict[str, Any]]]


def test_confident_learning_finds_flipped_labels_and_their_number() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 2000)
    given = truth.copy()
    flipped = rng.choice(2000, 100, replace=False)
    given[flipped] = (truth[flipped] + rng.integers(1, 4, 100)) % 4
    logits = 3 * np.eye(4)[truth] + rng.normal(0, 0.7, (2000, 4))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = confident(shares, given)
    hits = np.isin(found.rows, flipped)
    assert hits.sum() >= 70
    assert hits.mean() > 0.9
    assert 80 < found.expected < 130
    assert (np.diff(found.margins) <= 0).all()
    assert (truth[found.rows[hits]] == found.instead[hits]).mean() > 0.95
    clean = confident(shares, truth)
    assert len(clean.rows) < 30


def test_wrong_labels_of_classes(classes: Path) -> None:
    found = suspect(classes)
    assert set(found.sets) == {"validation", "test"}
    wrong = {f"test.jsonl:{line}" for line in range(1, 81, 10)}
    named = list(found.sets["test"].suspects)
    assert len(wrong & {Path(one.place).name for one in named}) >= 7
    assert len(named) <= 10
    first = named[0]
    assert first.given != first.instead
    assert "on average" in first.reasons[0]
    assert "most similar texts" in first.reasons[-1]
    assert any("--folds 5" in note for note in found.notes)


def test_wrong_tags_of_words(words: Path) -> None:
    found = suspect(words).sets["test"].suspects
    changed = [one for one in found if (one.given, one.instead) == ("PER", "LOC")]
    assert len(changed) >= 3
    assert changed[0].text in ("london", "paris", "oslo", "new york")
    assert changed[0].first is not None
    assert f"[{changed[0].text}]" in changed[0].reasons[-1]


def test_a_file_that_was_trained_on_is_refused(
    classes: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reviews: Rows
) -> None:
    monkeypatch.chdir(base)
    with pytest.raises(UserError, match="trained on all of these texts"):
        suspect(classes, base / "train.jsonl")
    rows = [*reviews(160, 1)[:30], *reviews(30, 21)]
    rows[40]["label"] = "bad" if rows[40]["label"] == "good" else "good"
    file = write_rows(tmp_path / "mixed.jsonl", rows)
    found = suspect(classes, file)
    (part,) = found.sets.values()
    assert part.labels == 30
    assert "30 of the 60 texts" in " ".join(found.notes)
    assert str(file) + ":41" in {one.place for one in part.suspects}
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")
    with pytest.raises(UserError, match="JSON"):
        suspect(classes, broken)


def test_labels_that_the_model_does_not_know_are_left_out_and_said(
    words: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences: Rows
) -> None:
    monkeypatch.chdir(base)
    rows = [*sentences(20, 31), {"tokens": ["rain"], "tags": ["B-WEATHER"]}]
    found = suspect(words, write_rows(tmp_path / "rows.jsonl", rows))
    assert "1 of 21 examples are left out" in " ".join(found.notes)


def test_training_data_is_looked_at_by_models_that_have_not_seen_it(
    train: Callable[..., Path], base: Path, monkeypatch: pytest.MonkeyPatch, reviews: Rows
) -> None:
    monkeypatch.chdir(base)
    rows = reviews(150, 41)
    for row in rows[::15]:
        row["label"] = "bad" if row["label"] == "good" else "good"
    run = train(
        "sentiment",
        train=str(
            write_rows(
                base / "noisy.jsonl", [{"review": r["text"], "stars": r["label"]} for r in rows]
            )
        ),
        validation=None,
        columns={"text": "review", "label": "stars"},
    )
    kept = {path.name for path in run.iterdir()}
    found = suspect(run, folds=2).sets["train"]
    assert {path.name for path in run.iterdir()} == kept
    # Validation was held out of the file, so that some of the wrong labels are there.
    lines = {int(one.place.rpartition(":")[2]) for one in found.suspects}
    wrong = {line for line in lines if line % 15 == 1}
    assert len(wrong) >= 5
    assert len(lines) <= 2 * len(wrong)
    with pytest.raises(UserError, match="leave out the file"):
        suspect(run, base / "noisy.jsonl", folds=2)
