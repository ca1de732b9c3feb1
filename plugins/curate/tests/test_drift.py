"""`ft drift`: no alarm for more of the same, an alarm and its reason for something else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft import UserError
from ft.cli.main import main
from ft_curate import drift
from ft_curate.drifting import chance
from ft_kit import write_rows

Rows = Callable[[int, int], list[dict[str, Any]]]


def test_tests_by_permutation_hold_their_rate_and_find_a_change() -> None:
    random_state = np.random.default_rng(1)
    sides = np.repeat([False, True], [60, 40])
    rates = {}
    for name, make in {
        "ties": lambda: chance.distance(random_state.integers(0, 4, 100).astype(float)),
        "shares": lambda: chance.shares(np.eye(5)[random_state.integers(0, 5, 100)]),
        "vectors": lambda: chance.told_apart(random_state.normal(size=(100, 30))),
    }.items():
        centre = 0.5 if name == "vectors" else None
        found = [
            chance.judged(
                make(),
                random_state.permutation(sides),
                random_state,
                most=199,
                enough=20,
                centre=centre,
            ).p
            for _ in range(200)
        ]
        rates[name] = np.mean(np.array(found) <= 0.1)
    # 200 draws at a rate of 0.1: 0.1 plus or minus three standard errors.
    assert all(0.03 < rate < 0.17 for rate in rates.values()), rates
    shifted = np.where(sides, 1.0, 0.0) + random_state.normal(size=100)
    seen = chance.judged(chance.distance(shifted), sides, random_state, most=999)
    assert seen.p < 0.01
    assert 0.2 < seen.effect < seen.value
    vectors = random_state.normal(size=(100, 30))
    vectors[:, 3] += 2 * sides
    order = random_state.permutation(100)
    measure = chance.told_apart(vectors[order])
    seen = chance.judged(measure, sides[order], random_state, most=999, centre=0.5)
    assert seen.p < 0.01
    assert seen.value > 0.75


@pytest.mark.parametrize(("old", "new"), [(200, 60), (400, 400)])
def test_a_change_of_the_size_that_is_said_is_found(old: int, new: int) -> None:
    alpha, bound = 0.05, 0.1
    size = chance.shown(old, new, alpha=alpha, bound=bound)
    sides = np.repeat([False, True], [old, new])
    found = []
    for draw in range(60):
        random_state = np.random.default_rng(draw)
        # Uniform values, moved: the distance of the distribution functions is the move.
        values = random_state.uniform(size=old + new) + size * sides
        seen = chance.judged(chance.distance(values), sides, random_state, most=999)
        found.append(seen.p <= alpha and seen.effect >= bound)
    # 60 draws at 0.8: 0.8 less three standard errors.
    assert np.mean(found) > 0.64, np.mean(found)
    # It is not said of changes that are always found.
    small = random_state.uniform(size=old + new) + 0.5 * size * sides
    assert not chance.judged(chance.distance(small), sides, random_state, most=999).effect >= size


def test_p_values_are_corrected_for_their_number() -> None:
    assert chance.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_more_of_the_same_is_no_drift(classes: Path, tmp_path: Path, reviews: Rows) -> None:
    file = write_rows(tmp_path / "new.jsonl", [{"text": row["text"]} for row in reviews(120, 51)])
    found = drift(classes, file)
    assert not found.drift
    assert {test.name for test in found.tests} == {
        "length",
        "pieces per word",
        "unknown pieces",
        "confidence",
        "predicted labels",
        "vectors",
    }
    assert found.reference == "the run's validation split"
    assert found.sentences()[-1] == "no drift"
    # What is the same for all texts is no test that the others are corrected for.
    by_name = {test.name: test for test in found.tests}
    assert by_name["unknown pieces"].constant
    assert "the same for all texts" in by_name["unknown pieces"].sentence
    tested = [test for test in found.tests if not test.constant]
    lowest = min(tested, key=lambda test: test.p)
    assert lowest.corrected == pytest.approx(min(1, len(tested) * lowest.p))


def test_each_change_is_named(classes: Path, tmp_path: Path, reviews: Rows) -> None:
    rng = random.Random(1)
    good = [row for row in reviews(300, 61) if row["label"] == "good"]
    longer = [
        {"text": f"{row['text']} {' '.join(rng.choices(('house', 'rain', 'some'), k=9))}"}
        for row in reviews(120, 62)
    ]
    odd = [{"text": f"{row['text']} zqx vwk jj"} for row in reviews(120, 63)]
    for rows, wanted in ((good, "predicted labels"), (longer, "length"), (odd, "pieces per word")):
        found = drift(classes, write_rows(tmp_path / "new.jsonl", rows))
        changed = {test.name: test for test in found.tests if test.drift}
        assert wanted in changed
        assert changed[wanted].sentence in found.sentences()
    assert "vectors" in changed


def test_a_change_that_does_not_matter_gives_no_alarm(
    classes: Path, tmp_path: Path, reviews: Rows
) -> None:
    good = [row for row in reviews(300, 61) if row["label"] == "good"]
    found = drift(classes, write_rows(tmp_path / "new.jsonl", good), effect=0.95)
    assert not found.drift
    assert any("too little to matter" in sentence for sentence in found.sentences())


def test_entities(words: Path, tmp_path: Path, sentences: Rows) -> None:
    rows = [{"text": " ".join(row["tokens"])} for row in sentences(80, 71)]
    assert not drift(words, write_rows(tmp_path / "new.jsonl", rows)).drift
    people = [{"text": f"{row['text']} anna ben clara dora"} for row in rows]
    found = drift(words, write_rows(tmp_path / "new.jsonl", people))
    assert {"predicted labels", "entities per word"} <= {
        one.name for one in found.tests if one.drift
    }


def test_the_exit_code_tells(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], reviews: Rows
) -> None:
    long = write_rows(
        tmp_path / "long.jsonl",
        [{"text": f"{r['text']} a house in rain we went to"} for r in reviews(60, 81)],
    )
    assert main(["drift", str(classes), str(long), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["drift"] is True


def test_what_it_needs_it_says(classes: Path, tmp_path: Path, base: Path, reviews: Rows) -> None:
    few = write_rows(tmp_path / "few.jsonl", [{"text": row["text"]} for row in reviews(9, 1)])
    with pytest.raises(UserError, match="needs 20 at least"):
        drift(classes, few)
    new = write_rows(tmp_path / "new.jsonl", [{"text": row["text"]} for row in reviews(60, 91)] * 2)
    with pytest.raises(UserError, match="beside --reference"):
        drift(classes, new, reference=few, split="test")
    found = drift(classes, new, reference=base / "train.jsonl")
    assert found.new == 60
    assert "60 of the 120 new texts repeat another" in " ".join(found.notes)
    away = base / "away"
    (classes / "predictions").rename(away)
    try:
        # The run's data is still there as it was.
        assert drift(classes, new).reference == "the run's validation split"
        moved = (base / "train.jsonl").rename(base / "moved.jsonl")
        with pytest.raises(UserError, match="nothing to compare with"):
            drift(classes, new)
        moved.rename(base / "train.jsonl")
    finally:
        away.rename(classes / "predictions")
