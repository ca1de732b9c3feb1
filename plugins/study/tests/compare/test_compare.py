"""``ft compare`` on run folders."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ft.cli.main import main

Write = Callable[..., Path]
Said = pytest.CaptureFixture[str]

RNG = np.random.default_rng(3)
BASE = RNG.random(200) < 0.6
BETTER = BASE | (RNG.random(200) < 0.4)


def told(capsys: Said, *arguments: object) -> dict[str, Any]:
    assert main(["compare", *map(str, arguments), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def refused(capsys: Said, *arguments: object) -> str:
    assert main(["compare", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_a_clear_difference_is_one(finished: Write, capsys: Said) -> None:
    found = told(capsys, finished("a", BASE), finished("b", BETTER))
    (row,) = [one for one in found["differences"] if one["metric"] == "accuracy"]
    assert row["value"] == pytest.approx(BETTER.mean() - BASE.mean())
    assert row["low"] < row["value"] < row["high"]
    assert row["p"] < 0.001
    assert row["corrected_p"] == row["p"]


def test_pairing_finds_what_the_single_intervals_hide(finished: Write, capsys: Said) -> None:
    better = BASE.copy()
    better[np.flatnonzero(~BASE)[:12]] = True
    found = told(capsys, finished("a", BASE), finished("b", better))
    (row,) = [one for one in found["differences"] if one["metric"] == "accuracy"]
    assert row["p"] < 0.01
    spread = 2 * 1.96 * np.sqrt(0.6 * 0.4 / 200 * 2)
    assert row["high"] - row["low"] < spread / 2


def test_the_same_run_twice_under_two_names_is_no_difference(finished: Write, capsys: Said) -> None:
    found = told(capsys, finished("a", BASE), finished("b", BASE))
    assert [row["value"] for row in found["differences"]] == [0.0, 0.0]
    assert found["differences"][0]["p"] == 1.0


def test_several_tests_are_corrected_together(finished: Write, capsys: Said) -> None:
    runs = [finished("a", BASE), finished("b", BETTER), finished("c", ~BASE)]
    rows = [one for one in told(capsys, *runs)["differences"] if one["p"] is not None]
    assert len(rows) == 2
    smaller = min(rows, key=lambda one: one["p"])
    assert smaller["corrected_p"] == pytest.approx(2 * smaller["p"])


def test_the_text_says_what_differs_and_what_it_cost(finished: Write, capsys: Said) -> None:
    one = finished("a", BASE, seed=1)
    other = finished("b", BETTER, seed=2, plugins=("toy", "augment"), seconds=30.0)
    assert main(["compare", str(one), str(other)]) == 0
    text = capsys.readouterr().out
    assert "better" in text
    assert "run.seed  1" in text
    assert "toy, augment" in text
    assert "30.0" in text
    assert "no test: this metric cannot be tested" in text, "the loss has no draws"


def test_different_test_data_is_refused_by_name(finished: Write, capsys: Said) -> None:
    one, other = finished("a", BASE), finished("b", BASE, fingerprint="e" * 64)
    error = refused(capsys, one, other)
    assert "different test data" in error
    assert "a on 200 examples of test.csv (ffffffffffff)" in error
    assert "b on 200 examples of test.csv (eeeeeeeeeeee)" in error


def test_what_cannot_be_compared_is_refused(finished: Write, capsys: Said, tmp_path: Path) -> None:
    run = finished("a", BASE)
    assert "two runs at least" in refused(capsys, run)
    assert "named twice" in refused(capsys, run, tmp_path / "." / "a")
    assert "no finished run here" in refused(capsys, run, tmp_path / "nothing")
    unfinished = finished("b", BASE)
    (unfinished / "record.json").unlink()
    assert f"ft run --resume {unfinished}" in refused(capsys, run, unfinished)
    assert "not scored on test data" in refused(
        capsys, run, finished("c", BASE, split="validation")
    )
    assert "they share accuracy, loss" in refused(
        capsys, run, finished("d", BASE), "--metric", "f1"
    )


def test_a_run_without_draws_says_how_to_make_them(finished: Write, capsys: Said) -> None:
    one, other = finished("a", BASE), finished("b", BASE)
    (other / "predictions" / "test.draws.safetensors").unlink()
    assert f"ft evaluate {other}" in refused(capsys, one, other)


def test_other_draws_are_not_paired(finished: Write, capsys: Said) -> None:
    found = told(capsys, finished("a", BASE), finished("b", BETTER, draw_seed=1))
    assert [row["p"] for row in found["differences"]] == [None, None]


def test_the_page_stands_alone_and_escapes(finished: Write, capsys: Said, tmp_path: Path) -> None:
    one = finished("<script>alert(1)<script>", BASE)
    other = finished("b", BETTER, plugins=("<img src=x>",))
    page = tmp_path / "pages" / "c.html"
    assert main(["compare", str(one), str(other), "--html", str(page)]) == 0
    html = page.read_text()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", html)
