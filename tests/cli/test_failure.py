"""How a command fails: its exit code, one message, a traceback on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main
from ft.contract.errors import Interrupted, TrainingError

pytestmark = pytest.mark.usefixtures("here")


def noted(error: BaseException) -> BaseException:
    error.add_note("raised by plugin 'toy' (ft-toy 1.2) in compute_loss (epoch 2, step 31)")
    return error


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (
            noted(TrainingError("the loss is nan", where="step 31", who="plugin 'toy'", hint="lower it")),
            1,
            ["error: step 31: the loss is nan", "  in: plugin 'toy'", "  to do: lower it",
             "  raised by plugin 'toy' (ft-toy 1.2) in compute_loss (epoch 2, step 31)"],
        ),
        (
            noted(ValueError("bad shape\nsecond line")),
            1,
            ["error: ValueError: bad shape",
             "  raised by plugin 'toy' (ft-toy 1.2) in compute_loss (epoch 2, step 31)",
             "  to do: run with --debug for the traceback"],
        ),
        (KeyError(), 1, ["error: KeyError", "  to do: run with --debug for the traceback"]),
        (EOFError("cut"), 1, ["error: EOFError: cut", "  to do: run with --debug for the traceback"]),
        (OSError(28, "No space left"), 1, ["error: OSError: [Errno 28] No space left",
                                          "  to do: run with --debug for the traceback"]),
        (ft.DataError("no rows", where="a.conll:3"), 2, ["error: a.conll:3: no rows"]),
        (Interrupted("stopped at step 3"), 130, ["error: stopped at step 3"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
)  # fmt: skip
def test_an_error_ends_with_its_code_and_no_traceback(
    session: Any,
    error: BaseException,
    code: int,
    lines: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    session.error = error
    assert main(["run", "-p", "./toy.py"]) == code
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.parametrize("how", ["--debug", "FT_DEBUG"])
def test_the_traceback_on_request(
    session: Any, how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session.error = ValueError("bad shape")
    if how == "FT_DEBUG":
        monkeypatch.setenv("FT_DEBUG", "1")
    assert main(["run", "-p", "./toy.py", *(["--debug"] if how == "--debug" else [])]) == 1
    errors = capsys.readouterr().err
    assert "Traceback (most recent call last)" in errors
    assert "error: ValueError: bad shape" in errors


def test_a_broken_plugin_shows_its_own_traceback_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("broken.py").write_text("1 / 0\n")
    assert main(["run", "-p", "./broken.py"]) == 2
    errors = capsys.readouterr().err
    assert "the plugin cannot be imported: ZeroDivisionError: division by zero" in errors
    assert "Traceback" not in errors
    assert main(["run", "-p", "./broken.py,./none.py", "--debug"]) == 2
    assert 'broken.py", line 1' in capsys.readouterr().err
