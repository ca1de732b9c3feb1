"""The command line and the Python interface: what they hand to the engine, print, and return."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

import ft
from ft import api
from ft.cli.main import main
from ft.contract.errors import Interrupted, TrainingError
from ft.contract.results import Metric, Table
from ft.engine.batch.read_requests import parse_requests
from ft.reporters.choose import choose
from ft.reporters.lines import JsonReporter, PlainReporter, QuietReporter
from ft.reporters.pace import Pace
from ft.reporters.reporter import Reporter
from ft.reporters.terminal import RichReporter
from ft.reporters.text import aligned, duration, metrics_text, number

HEAVY = ("torch", "transformers", "datasets", "accelerate", "pandas", "numpy", "sklearn")

TOY = '''
import ft
from pydantic import Field

class Toy(ft.Plugin):
    """A toy of a task."""

    class Config(ft.Config):
        rate: float = Field(0.5, ge=0, le=1, description="share of words")
        must: int = Field(1, description="how many")

    @ft.hookimpl
    def load_data(self, run):
        return None

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
'''


@dataclass
class Result:
    output: Path
    metrics: dict[str, dict[str, Metric]]
    tables: list[Table] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


class Session:
    """Stands in for the engine: keeps what it is called with, reports, raises what it is told."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []
        self.error: BaseException | None = None

    def train(
        self,
        resolved: Any,
        builtin: Any,
        *,
        output: Any,
        resume: Any,
        reporter: Reporter,
        trace: Any,
        strict: bool,
        allow_changed: bool,
    ) -> Result:
        self.called.append(("train", (resolved, output, resume, reporter)))
        self.options = {"trace": trace, "strict": strict, "allow_changed": allow_changed}
        if self.error:
            raise self.error
        result = Result(
            Path("runs/r1"), {"test": {"f1": Metric(0.5, 0.4, 0.6)}}, record={"steps": 3}
        )
        show(reporter, result)
        return result

    def explain(self, resolved: Any, builtin: Any) -> dict[str, Any]:
        return {
            "chains": {"load_data": "toy", "compute_loss": "augment( toy )"},
            "events": {"on_run_end": ["toy"]},
            "methods": {},
            "forwards": 2,
            "starters": ["no --model given: using the starter model"],
        }

    def predict(
        self,
        run: Path,
        requests: Iterator[Any],
        reporter: Reporter,
        builtin: Any,
        *,
        strict: bool,
        trust_remote_code: bool,
        trust_plugins: bool,
        skip: bool,
    ) -> Iterator[dict[str, Any]]:
        self.called.append(("predict", run))
        self.options = {"strict": strict}
        if self.error:
            raise self.error
        for request in requests:
            yield {"got": request, "score": float("nan")}

    def evaluate(
        self,
        run: Path,
        data: Any,
        split: str,
        reporter: Reporter,
        builtin: Any,
        *,
        strict: bool,
        trust_remote_code: bool,
        trust_plugins: bool,
    ) -> Result:
        self.called.append(("evaluate", (run, data, split)))
        self.options = {"strict": strict}
        result = Result(run, {split: {"f1": Metric(0.5)}})
        reporter.finish(result)  # type: ignore[arg-type]
        return result


def show(reporter: Reporter, result: Any) -> None:
    """Tell a reporter everything that a run can tell."""
    reporter.phase("data", "reading and checking")
    reporter.note("a tenth of train is validation")
    reporter.finding("info", "3 words are long")
    reporter.finding("warning", "2 duplicates (a.conll:3)")
    reporter.progress("encode train", 10, 20)
    reporter.progress("encode train", 20, 20)
    reporter.phase("train", "3 steps")
    reporter.train_start(3, 0, 1.0)
    for step in (1, 2, 3):
        reporter.train_step(step, 100 * step, 0.7 if step == 3 else None, 1e-4)
    reporter.evaluation(
        3, 1, "validation", {"f1": Metric(0.25, 0.2, 0.3), "loss": Metric(0.1)}, True
    )
    reporter.table(Table("by type", ("type", "f1"), (("person", 0.5), ("地点", None)), "strict"))
    reporter.finish(result)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    fake = Session()
    homes = {"train": "train", "explain": "explain", "predict": "predict", "evaluate": "predict"}
    for name, home in homes.items():
        module = import_module(f"ft.engine.{home}")
        stand_in = create_autospec(getattr(module, name), side_effect=getattr(fake, name))
        monkeypatch.setattr(module, name, stand_in)
    return fake


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, with a plugin file in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("FT_DEBUG", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "runs" / "r1").mkdir(parents=True)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Adds distributions to a folder on the path; importing any of them fails."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def add(
        distribution: str,
        name: str,
        code: str = "raise SystemExit('imported')\n",
        keywords: str = "nlp,ft-task",
    ) -> Path:
        module = f"{distribution.replace('-', '_')}_q"
        info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\nSummary: What it does.\nKeywords: {keywords}\n\n# Its card\n"
        )
        (info / "entry_points.txt").write_text(f"[ft.plugins]\n{name} = {module}:Toy\n")
        (folder / f"{module}.py").write_text(TOY + code)
        return folder

    return add


def ft_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own; it ends by naming the heavy modules it imported."""
    code = (
        "import sys\nfrom ft.cli.main import main\ncode = main()\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "print('heavy:', *loaded, file=sys.stderr)\nsys.exit(code)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, timeout=60, **options,
    )  # fmt: skip


# Fast, and without torch


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time that the processes take which a call starts: a busy machine changes it little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def import_typer() -> None:
    """The measure that the times of commands are compared with, whatever the machine."""
    subprocess.run([sys.executable, "-c", "import typer"], check=True)


@pytest.mark.parametrize(
    ("arguments", "most"),
    [(["--help"], 3.2), (["--version"], 3.2), (["run", "--help"], 3.6), (["plugins"], 3.6)],
)
def test_light_commands_are_fast_and_import_nothing_heavy(
    arguments: list[str], most: float
) -> None:
    times, units = [], []
    for _ in range(3):
        units.append(processor_seconds(import_typer))
        done: list[Any] = []
        times.append(processor_seconds(partial(collect, done, *arguments)))
        assert done[0].returncode == 0
        assert done[0].stdout
        assert done[0].stderr.splitlines()[-1].strip() == "heavy:"
    assert min(times) < most * min(units)


def collect(done: list[Any], *arguments: str, **options: Any) -> None:
    """Run the command line and keep what it did."""
    done.append(ft_process(*arguments, **options))


def test_fifty_plugins_are_listed_fast_and_none_is_imported(site: Callable[..., Path]) -> None:
    for i in range(50):
        folder = site(f"ft-many{i}", f"many{i}")
    collected: list[Any] = []
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    seconds = processor_seconds(partial(collect, collected, "plugins", env=environment))
    (done,) = collected
    assert done.returncode == 0
    assert len(re.findall(r"^many\d+ ", done.stdout, re.MULTILINE)) == 50
    assert "imported" not in done.stderr
    assert seconds < 4 * processor_seconds(import_typer)


def test_the_version_and_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ft {ft.__version__}\n"
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {verb} " in text for verb in ("run", "predict", "evaluate", "plugins"))


def test_every_public_name_is_there() -> None:
    # These bring torch.
    heavy = {"Run", "Result"}
    assert all(getattr(ft, name) is not None for name in set(ft.__all__) - heavy)
    assert set(ft.__all__) <= set(dir(ft))
    with pytest.raises(AttributeError, match="module 'ft' has no attribute 'nothing'"):
        ft.nothing  # noqa: B018


# ft run


def test_run_hands_over_what_was_typed(session: Session, tmp_path: Path) -> None:
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
    session: Session, capsys: pytest.CaptureFixture[str]
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


def test_plugins_are_named_with_commas_or_one_by_one(session: Session) -> None:
    Path("other.py").write_text(TOY)
    Path("third.py").write_text(TOY)
    assert main(["run", "-p", "./toy.py, ./other.py", "--plugins", "./third.py", "-q"]) == 0
    assert list(session.called[0][1][0].configs) == ["toy", "other", "third"]


def test_a_batch_size_that_does_not_fit_names_the_flag(
    session: Session, capsys: pytest.CaptureFixture[str]
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


def test_resume_takes_the_settings_of_the_run(session: Session) -> None:
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
    session: Session, arguments: list[str], capsys: pytest.CaptureFixture[str]
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


def test_a_table_left_out_is_said(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.toml").write_text('plugins = ["toy", "mix"]\n[mix]\nx = 1\n')
    assert main(["run", "-p", "./toy.py", "-c", "my.toml"]) == 0
    assert (
        "note: [mix] in my.toml is not used: --plugins leaves 'mix' out" in capsys.readouterr().out
    )


def test_explain(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
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


# How a command fails


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
    session: Session,
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
    session: Session, how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session.error = ValueError("bad shape")
    if how == "FT_DEBUG":
        os.environ["FT_DEBUG"] = "1"
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


# ft predict


def test_predict_a_text_file(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.txt").write_bytes("one\r\n\nzwei ü\n".encode())
    assert main(["predict", "runs/r1", "in.txt"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["got"] for line in lines] == ["one", "", "zwei ü"]
    assert lines[0]["score"] is None
    assert session.called == [("predict", Path("runs/r1"))]
    assert session.options == {"strict": False}
    assert main(["predict", "runs/r1", "in.txt", "--strict"]) == 0
    assert session.options == {"strict": True}


def test_predict_json_lines_into_a_file(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.jsonl").write_text('{"tokens": ["a"]}\n\n"text"\n')
    assert main(["predict", "runs/r1", "in.jsonl", "--output", "out.jsonl"]) == 0
    got = [json.loads(line)["got"] for line in Path("out.jsonl").read_text().splitlines()]
    assert got == [{"tokens": ["a"]}, "text"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "arguments", "got"),
    [
        (b"a\nb", [], ["a", "b"]),
        (b'{"text": "a"}\n{"text": "b"}\n', ["-"], [{"text": "a"}, {"text": "b"}]),
        (b'{"text": "a"}\n', ["-", "--format", "text"], ['{"text": "a"}']),
        (b"\xef\xbb\xbfa\n", [], ["a"]),
        (b"", [], []),
    ],
)
def test_predict_standard_input(
    session: Session,
    given: bytes,
    arguments: list[str],
    got: list[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(["predict", "runs/r1", *arguments]) == 0
    assert [json.loads(line)["got"] for line in capsys.readouterr().out.splitlines()] == got


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "none.txt: cannot be read: there is no such file"),
        ("in.xlsx", b"PK", "in.xlsx: a .xlsx file cannot be predicted as it is"),
        ("in.json", b'[{"a": ', "in.json: not JSON: "),
        ("in.json", b"[" * 200_000, "in.json: not JSON: "),
        ("in.parquet", b"PAR1", "in.parquet: cannot be read as Parquet: "),
        ("in.txt.gz", b"no gzip", "in.txt.gz: the file is damaged: "),
    ],
)
def test_input_that_cannot_be_predicted(
    session: Session,
    name: str,
    content: bytes | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert main(["predict", "runs/r1", name, "--output", "out.jsonl", "--quiet"]) == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert not [path for path in Path().iterdir() if "out.jsonl" in path.name]


def test_predict_does_not_overwrite_its_input(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.jsonl").write_text("{}\n")
    assert main(["predict", "runs/r1", "in.jsonl", "-o", "./in.jsonl"]) == 2
    assert "the output would overwrite the input" in capsys.readouterr().err
    assert main(["predict", "runs/r1", "in.jsonl", "-o", "no/where.jsonl"]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert Path("in.jsonl").read_text() == "{}\n"


def test_a_closed_pipe_is_no_error() -> None:
    code = (
        "import sys\n"
        "from ft.engine import predict\n"
        "predict.predict = lambda *given, **options: ({'n': n} for n in range(10**6))\n"
        "from ft.cli.main import main\n"
        "sys.exit(main(['predict', '.', '--quiet']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline()) == {"n": 0}
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


def test_lines_end_with_newlines_only() -> None:
    lines = io.BytesIO("a\u2028b\u0085c\n".encode())
    assert list(parse_requests(lines, "x")) == ["a\u2028b\u0085c"]


# ft evaluate


def test_evaluate(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "runs/r1", "--data", "new.conll", "--split", "validation", "-q"]) == 0
    assert session.called == [("evaluate", (Path("runs/r1"), "new.conll", "validation"))]
    assert capsys.readouterr().out == "validation: f1 0.5000\n"
    assert session.options == {"strict": False}
    assert main(["evaluate", "runs/r1", "-q", "--strict"]) == 0
    assert session.options == {"strict": True}
    assert main(["evaluate", "runs/r1", "--split", "trial", "-q"]) == 0
    assert session.called[-1] == ("evaluate", (Path("runs/r1"), None, "trial"))


# ft plugins


def test_plugins_lists_without_importing(
    site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    site("ft-toy", "toyish")
    for arguments in (["plugins"], ["plugins", "list"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert re.search(r"^toyish +task +ft-toy +1\.2 +What it does\.$", text, re.MULTILINE)
    for arguments in (["plugins", "--json"], ["plugins", "list", "--json"]):
        assert main(arguments) == 0
        listed = json.loads(capsys.readouterr().out)["plugins"]
        (one,) = [one for one in listed if one["name"] == "toyish"]
        assert (one["kind"], one["summary"]) == ("task", "What it does.")
    site("ft-both", "mixed", keywords="ft-task,ft-technique")
    site("ft-mute", "mute", keywords="")
    assert main(["plugins"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^mixed +\? +ft-both ", text, re.MULTILINE)
    assert re.search(r"^mute +\? +ft-mute ", text, re.MULTILINE)
    assert "ft_toy_q" not in sys.modules


def test_plugins_warns_of_a_clash(
    site: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    site("ft-toy", "toyish")
    site("evil-toy", "toyish")
    assert main(["plugins"]) == 0
    assert "warning: 'toyish' is offered by evil-toy 1.2 and ft-toy 1.2" in capsys.readouterr().err


def test_plugins_show(site: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    site("ft-toy", "toyish", code="")
    assert main(["plugins", "show", "toyish"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("toyish, a task, from ft-toy 1.2\n  ft_toy_q:Toy\n")
    assert "  provides load_data\n  wraps compute_loss\n" in text
    assert (
        "  toyish.rate = 0.5\n      a number at least 0 and at most 1: share of words\n"
        "  toyish.must = 1\n      a whole number: how many\n"
    ) in text
    assert text.splitlines()[-1].strip() == "Its card"
    assert main(["plugins", "show", "./toy.py", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["card"], facts["version"]) == ("toy", "A toy of a task.", None)
    assert main(["plugins", "show", "toyishh"]) == 2
    assert "did you mean 'toyish'" in capsys.readouterr().err
    del sys.modules["ft_toy_q"]


def test_plugins_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "schema", "./toy.py"]) == 0
    assert list(json.loads(capsys.readouterr().out)["properties"]) == ["plugins", "run", "toy"]


# Reporters


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


DONE = Result(
    Path("runs/r1"),
    {"test": {"f1": Metric(0.5, 0.4, 0.6), "loss": Metric(float("nan"))}},
    record={
        "steps": 3,
        "train_seconds": 61.0,
        "costs": [{"plugin": "toy", "hook": "encode", "calls": 3, "seconds": 0.25}],
    },
)


def test_plain_lines() -> None:
    out = io.StringIO()
    show(PlainReporter(out, interval=0, clock=Clock()), DONE)
    assert out.getvalue() == (
        "data: reading and checking\n"
        "note: a tenth of train is validation\n"
        "info: 3 words are long\n"
        "warning: 2 duplicates (a.conll:3)\n"
        "encode train: 10 of 20\n"
        "encode train: 20\n"
        "train: 3 steps\n"
        "step 3/3  loss 0.7000  learning rate 1.00e-04\n"
        "validation, epoch 1, step 3: f1 0.2500 [0.2000, 0.3000]  loss 0.1000  (best so far)\n"
        "\nby type\ntype        f1\nperson  0.5000\n地点\nstrict\n\n"
        "trained 3 steps in 1:01\n"
        "\nwhat each plugin cost\nplugin  hook    calls  seconds\ntoy     encode      3   0.2500\n\n"
        "everything is in runs/r1, the model in runs/r1/model\n"
        "use it: ft predict runs/r1 FILE\n"
    )


def test_plain_lines_come_at_most_every_ten_seconds() -> None:
    out, clock = io.StringIO(), Clock()
    reporter = PlainReporter(out, clock=clock)
    reporter.train_start(1000, 0, 1.0)
    reporter.phase("train")
    for step in range(1, 301):
        clock.now += 0.1
        reporter.train_step(step, 500 * step, 0.5, None)
        reporter.progress("predict", step, 1000)
    steps = [line for line in out.getvalue().splitlines() if line.startswith(("step", "predict"))]
    assert len(steps) in (2, 3)


def test_the_pace_leaves_out_evaluations_and_what_was_done_before() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.start(100, 40)
    for step in range(41, 51):
        clock.now += 1.0
        pace.mark(step, 10_000 + 200 * step)
    pace.pause()
    clock.now += 1000.0
    pace.mark(51, 10_000 + 200 * 51)
    assert pace.text() == "200 tokens/s  0:49 left"


def test_json_lines() -> None:
    out = io.StringIO()
    show(JsonReporter(out, clock=Clock()), DONE)
    events = [json.loads(line, parse_constant=pytest.fail) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == [
        "phase", "note", "finding", "finding", "progress", "progress", "phase", "train_start",
        "train_step", "evaluation", "table", "finish",
    ]  # fmt: skip
    assert events[9]["metrics"]["f1"]["low"] == 0.2
    assert events[-1]["metrics"]["test"]["loss"]["value"] is None
    assert events[-1]["output"] == "runs/r1"


def test_json_takes_numbers_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    out = io.StringIO()
    rows = ((numpy.float32(0.5), numpy.int64(3), Path("a")),)
    JsonReporter(out).table(Table("t", ("a", "b", "c"), rows))
    assert json.loads(out.getvalue())["rows"] == [[0.5, 3, "a"]]


def test_quiet_says_the_final_metrics_and_what_is_wrong() -> None:
    out, errors = io.StringIO(), io.StringIO()
    show(QuietReporter(out, errors), DONE)
    assert out.getvalue() == "test: f1 0.5000 [0.4000, 0.6000]  loss nan\n"
    assert errors.getvalue() == "warning: 2 duplicates (a.conll:3)\n"


def test_the_terminal_shows_the_same_lines() -> None:
    out = io.StringIO()
    reporter = RichReporter(out)
    show(reporter, DONE)
    reporter.close()
    reporter.close()
    text = out.getvalue()
    assert "note: a tenth of train is validation\n" in text
    assert (
        "validation, epoch 1, step 3: f1 0.2500 [0.2000, 0.3000]  loss 0.1000  (best so far)"
        in text
    )
    assert "by type\ntype        f1\nperson  0.5000\n地点\nstrict\n" in text
    assert "use it: ft predict runs/r1 FILE\n" in text


def test_the_terminal_draws_a_bar_with_loss_and_speed() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    os.environ.update(TERM="xterm", COLUMNS="120")
    out = Terminal()
    reporter = RichReporter(out)
    reporter.phase("train", "90 steps")
    reporter.train_start(90, 0, 1.0)
    for step in range(1, 46):
        reporter.train_step(step, 700 * step, 0.7, 1e-4)
    reporter._bars.refresh()
    reporter.close()
    assert re.search(r"45/90.*loss 0\.7000  [\d,]+ tokens/s  0:00 left", out.getvalue())


def test_a_gone_reader_does_not_end_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    show(PlainReporter(Gone()), DONE)


def test_the_choice_of_a_reporter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose(quiet=False, as_json=True), JsonReporter)
    assert isinstance(choose(quiet=True, as_json=False), QuietReporter)
    assert isinstance(choose(quiet=False, as_json=False), PlainReporter)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(choose(quiet=False, as_json=False, to_stderr=True), RichReporter)
    os.environ["RANK"] = "1"
    assert type(choose(quiet=False, as_json=True)) is Reporter


def test_numbers_for_people() -> None:
    values = [0.0, 0.43119, 12.5, 1532.4, 3.2e-05, float("inf"), 1e12]
    assert [number(value) for value in values] == [
        "0.0000", "0.4312", "12.5000", "1532", "3.2e-05", "inf", "1e+12",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0, 61.4, 3725)] == ["0:00", "1:01", "1:02:05"]
    assert metrics_text({"f1": Metric(0.5, 0.4, 0.6)}) == "f1 0.5000 [0.4000, 0.6000]"
    assert list(aligned(("a", "b"), [])) == ["a  b"]


# The Python interface


def test_run_in_python(session: Session) -> None:
    result = api.run(["./toy.py"], epochs=2, toy={"rate": 0.25}, output="out", run={"seed": 4})
    resolved, output, resume, reporter = session.called[0][1]
    assert (resolved.run.epochs, resolved.run.seed, resolved.configs["toy"].rate) == (2, 4, 0.25)
    assert resolved.origins["run.epochs"] == "argument epochs"
    assert (output, resume) == (Path("out"), None)
    assert type(reporter) is Reporter
    assert result.metrics["test"]["f1"].value == 0.5


def test_run_in_python_says_what_is_wrong(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_run_in_python_aloud(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    api.run(["./toy.py"], quiet=False)
    assert "note: a tenth of train is validation" in capsys.readouterr().out


def test_predict_in_python(session: Session) -> None:
    Path("in.txt").write_text("a\nb\n")
    assert [one["got"] for one in api.predict("r", "a text")] == ["a text"]
    assert [one["got"] for one in api.predict("r", {"text": "a"})] == [{"text": "a"}]
    assert [one["got"] for one in api.predict("r", ["a", {"text": "b"}])] == ["a", {"text": "b"}]
    assert [one["got"] for one in api.predict("r", Path("in.txt"))] == ["a", "b"]


def test_evaluate_in_python(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert api.evaluate("r", Path("new.conll")).metrics["test"]["f1"].value == 0.5
    assert session.called == [("evaluate", (Path("r"), "new.conll", "test"))]
    assert capsys.readouterr().out == ""
