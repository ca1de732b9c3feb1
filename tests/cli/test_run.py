"""`ft run`: what the command line hands to the engine, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ft.cli.main import main
from ft.reporters.lines import QuietReporter

pytestmark = pytest.mark.usefixtures("here")


def test_run_hands_over_what_was_typed(session: Any, tmp_path: Path) -> None:
    Path("my.toml").write_text('plugins = ["zzz"]\n[run]\nseed = 1\nbatch_size = 2\n')
    code = main(
        ["run", "--plugins", "./toy.py", "-c", "my.toml", "-o", "toy.rate=0.25", "-o", "run.batch_size=4",
         "--epochs", "2", "--seed", "7", "--learning-rate", "1e-3", "--model", "m",
         "--checkpoint-minutes", "5", "--trust-remote-code", "--output", "out", "--quiet"]
    )  # fmt: skip
    assert code == 0
    ((_, (resolved, output, resume, reporter)),) = session.called
    run = resolved.run
    assert (run.seed, run.batch_size, run.epochs, run.learning_rate) == (7, 4, 2, 1e-3)
    assert (run.model, run.checkpoint_minutes, run.trust_remote_code) == ("m", 5, True)
    assert resolved.configs["toy"].rate == 0.25
    assert resolved.origins["run.seed"] == "--seed"
    assert (output, resume) == (Path("out"), None)
    assert isinstance(reporter, QuietReporter)


def test_on_bad_row_is_for_every_plugin_that_reads_data(
    session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-p", "sentiment,./toy.py", "--on-bad-row", "skip", "-q"]) == 0
    ((_, (resolved, *_)),) = session.called
    assert resolved.configs["sentiment"].on_bad_row == "skip"
    assert resolved.origins["sentiment.on_bad_row"] == "--on-bad-row"
    capsys.readouterr()
    assert main(["run", "-p", "./toy.py", "--on-bad-row", "skip", "-q"]) == 2
    assert capsys.readouterr().err == (
        "error: --on-bad-row: no plugin of this run (toy) has a setting 'on_bad_row'\n"
    )


def test_plugins_are_named_with_commas_or_one_by_one(session: Any) -> None:
    for name in ("other.py", "third.py"):
        Path(name).write_text(Path("toy.py").read_text())
    assert main(["run", "-p", "./toy.py, ./other.py", "--plugins", "./third.py", "-q"]) == 0
    assert list(session.called[0][1][0].configs) == ["toy", "other", "third"]


def test_a_batch_size_that_does_not_fit_names_the_flag(
    session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-p", "./toy.py", "--batch-size", "0", "-o", "toy.rat=1"]) == 2
    errors = capsys.readouterr().err
    assert errors == (
        "error: --batch-size: run.batch_size is 0, but must be a whole number greater than 0 "
        "(examples per optimizer step)\n"
        "error: -o toy.rat=1: there is no setting 'toy.rat'\n  to do: did you mean 'toy.rate'?\n"
    )
    assert session.called == []


def test_nothing_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: nothing to run: no plugin is named\n  to do: name a task")
    assert "ft run --plugins ner,augment -o ner.train=train.conll" in errors
    assert "installed plugins: " in errors


@pytest.mark.parametrize("arguments", [["run", "--epochs", "many"], ["run", "--bogus"], ["bogus"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage: ft" in capsys.readouterr().err


def test_usage_and_wrong_choices_are_told_without_the_marks_of_libraries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict"]) == 2
    assert capsys.readouterr().err.startswith("Usage: ft predict [OPTIONS] RUN [INPUT]\n")
    assert main(["run", "--on-bad-row", "drop"]) == 2
    error = capsys.readouterr().err
    assert "Value error" not in error
    assert "'drop'" in error


def test_resume_takes_the_settings_of_the_run(session: Any) -> None:
    Path("old").mkdir()
    Path("old/config.toml").write_text(f'plugins = ["{Path.cwd()}/toy.py:Toy"]\n[run]\nseed = 5\n')
    assert main(["run", "--resume", "old", "-q", "--trust-plugins"]) == 0
    resolved, output, resume, _ = session.called[0][1]
    assert (resolved.run.seed, output, resume) == (5, None, Path("old"))
    assert session.options == {"trace": None, "strict": False, "allow_changed": False}
    assert (
        main(["run", "--resume", "old", "-q", "--strict", "--trace", "t.json", "--trust-plugins"])
        == 0
    )
    assert session.options == {
        "trace": Path("t.json"),
        "strict": True,
        "allow_changed": False,
    }


@pytest.mark.parametrize(
    "arguments", [["--plugins", "ner"], ["--config", "my.toml"], ["--output", "out"]]
)
def test_resume_refuses_what_the_run_knows(
    session: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--resume", "old", *arguments]) == 2
    assert (
        f"error: --resume old: a resumed run has its own {arguments[0][2:]}"
        in capsys.readouterr().err
    )


def test_strict_needs_a_run_to_compare_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--plugins", "./toy.py", "--strict"]) == 2
    assert capsys.readouterr().err.startswith("error: --strict: there is no run to compare with")


def test_resume_where_there_is_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--resume", "nowhere"]) == 2
    assert "error: nowhere: there is no such folder" in capsys.readouterr().err


def test_a_table_left_out_is_said(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.toml").write_text('plugins = ["toy", "mix"]\n[mix]\nx = 1\n')
    assert main(["run", "-p", "./toy.py", "-c", "my.toml"]) == 0
    assert (
        "note: [mix] in my.toml is not used: --plugins leaves 'mix' out" in capsys.readouterr().out
    )


def test_explain(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-p", "./toy.py", "--explain", "--seed", "3", "-o", "toy.rate=0.1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("note: no --model given: using the starter model\nplugins, ")
    assert re.search(r"^  toy +/.*toy\.py:Toy", text, re.MULTILINE)
    assert "  compute_loss: augment( toy ), 2 forwards a step\n" in text
    assert "  on_run_end: toy\n" in text
    assert re.search(r"^  seed +3 +--seed$", text, re.MULTILINE)
    assert re.search(r"^  rate +0\.1 +-o toy\.rate=0\.1$", text, re.MULTILINE)
    assert re.search(r"^  clip +1\.0 +default$", text, re.MULTILINE)
    assert session.called == []
    assert main(["run", "-p", "./toy.py", "--explain", "--json", "--seed", "3"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["forwards"], facts["origins"]) == (2, {"run.seed": "--seed"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["--max-steps", "5"],
            "No such option: --max-steps. It is a setting: -o run.max_steps=...",
        ),
        (["--max-stops", "5"], "No such option: --max-stops"),
        (["toy.rate=0.1"], "(toy.rate=0.1). Each setting needs a -o before it: -o table.key=value"),
        (["toy"], "Got unexpected extra argument(s) (toy)"),
    ],
)
def test_a_setting_given_without_its_option(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-p", "./toy.py", *given]) == 2
    error = " ".join(capsys.readouterr().err.splitlines()[3:])
    assert error.endswith(said)
