"""A plugin of one file runs as it is, beside an installed technique."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ft.cli.main import main

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "in_house"


def test_tickets(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    code = main(
        ["run", "--plugins", "./tickets.py,augment", "-o", "tickets.train=tickets.csv",
         "-o", "tickets.test=tickets.csv", "-o", "run.precision=fp32", "--model", str(tiny_model),
         "--epochs", "1", "--learning-rate", "1e-3", "--output", "out", "--quiet"]
    )  # fmt: skip
    assert code == 0, capsys.readouterr().err
    record = json.loads(Path("out/record.json").read_text())
    assert record["chains"]["encode"] == "augment( standard )"
    assert record["plugins"][0]["source"].endswith("tickets.py:Tickets")
    assert set(record["metrics"]) == {"validation", "test"}
    assert 0 <= record["metrics"]["test"]["accuracy"]["low"] <= 1
    Path("new.txt").write_text("The parcel is late.\nI cannot log in.\n")
    capsys.readouterr()
    assert main(["predict", "out", "new.txt"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["message"] for answer in answers] == ["The parcel is late.", "I cannot log in."]
    assert {answer["label"] for answer in answers} <= {
        "account",
        "billing",
        "delivery",
        "technical",
    }


def test_it_is_short() -> None:
    lines = (EXAMPLE / "tickets.py").read_text(encoding="utf-8").split("class Tickets")[1]
    assert len([line for line in lines.splitlines() if line.strip()]) <= 18
