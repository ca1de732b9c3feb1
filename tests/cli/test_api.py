"""The Python interface: what `ft.run`, `ft.predict` and `ft.evaluate` hand to the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft
from ft import api
from ft.reporters.reporter import Reporter

pytestmark = pytest.mark.usefixtures("here")


def test_run_in_python(session: Any) -> None:
    result = api.run(["./toy.py"], epochs=2, toy={"rate": 0.25}, output="out", run={"seed": 4})
    resolved, output, resume, reporter = session.called[0][1]
    assert (resolved.run.epochs, resolved.run.seed, resolved.configs["toy"].rate) == (2, 4, 0.25)
    assert resolved.origins["run.epochs"] == "argument epochs"
    assert (output, resume) == (Path("out"), None)
    assert type(reporter) is Reporter
    assert result.metrics["test"]["f1"].value == 0.5


def test_run_in_python_says_what_is_wrong(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ft.ConfigError) as caught:
        api.run(["./toy.py"], epoch=2)
    assert str(caught.value) == (
        "argument epoch: there is no setting 'run.epoch'\n  to do: did you mean 'run.epochs'?"
    )
    with pytest.raises(ft.UserError, match="nothing to run"):
        api.run()
    with pytest.raises(ft.UserError, match="a resumed run has its own plugins"):
        api.run(["./toy.py"], resume="old")
    assert capsys.readouterr().out == ""


def test_run_in_python_aloud(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    api.run(["./toy.py"], quiet=False)
    assert "note: a tenth of train is validation" in capsys.readouterr().out


def test_predict_in_python(session: Any) -> None:
    Path("in.txt").write_text("a\nb\n")
    assert [one["got"] for one in api.predict("r", "a text")] == ["a text"]
    assert [one["got"] for one in api.predict("r", {"text": "a"})] == [{"text": "a"}]
    assert [one["got"] for one in api.predict("r", ["a", {"text": "b"}])] == ["a", {"text": "b"}]
    assert [one["got"] for one in api.predict("r", Path("in.txt"))] == ["a", "b"]


def test_evaluate_in_python(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert api.evaluate("r", Path("new.conll")).metrics["test"]["f1"].value == 0.5
    assert session.called == [("evaluate", (Path("r"), "new.conll", "test"))]
    assert capsys.readouterr().out == ""
