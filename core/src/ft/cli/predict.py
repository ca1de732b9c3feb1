"""``ft predict``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from ft.cli.options import Debug, FinishedRun, Quiet, Strict, TrustPlugins, TrustRemoteCode
from ft.contract.errors import UserError
from ft.engine.batch.read_requests import BadRequest, Format, Request
from ft.reporters.stream import is_terminal

STDIN = "-"


def predict(
    run: FinishedRun,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Texts, one a line, or .jsonl, .json, .csv, .tsv, .parquet; "
            "- or nothing: standard input.",
        ),
    ] = STDIN,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write there, in the form of its ending (.jsonl, .json, .csv, .tsv, .parquet); "
            "else to standard output.",
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="What the input holds; auto goes by its name or first line."),
    ] = "auto",
    on_bad_row: Annotated[
        Literal["refuse", "skip"],
        typer.Option(
            help='A wrong request: refuse it, or answer it with {"error": ...} and go on.'
        ),
    ] = "refuse",
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Use the fastest form of the run that `ft export` has made."),
    ] = False,
    strict: Strict = False,
    trust_remote_code: TrustRemoteCode = False,
    trust_plugins: TrustPlugins = False,
    quiet: Quiet = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the progress as JSON, on standard error.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Predict with the model of a run: one answer a request, in the order of the input."""
    from ft.reporters.choose import choose
    from ft.reporters.lines import QuietReporter
    from ft.runfolder.forms import fastest
    from ft.runfolder.hub import local_run

    folder = fastest(local_run(run)) if fast else local_run(run)
    if not folder.is_dir():
        raise UserError(
            "there is no such folder",
            where=run,
            hint="give the folder that `ft run` printed at its end",
        )
    requests = _requests(source, form)
    if output is not None and source != STDIN and output.resolve() == Path(source).resolve():
        raise UserError("the output would overwrite the input", where=f"--output {output}")
    to_terminal = output is None and is_terminal(sys.stdout)
    reporter = choose(quiet=quiet, as_json=as_json, to_stderr=True)
    if to_terminal and not as_json:
        reporter = QuietReporter(
            sys.stderr, sys.stderr
        )  # the predictions are what one wants to see
    try:
        from ft.builtin import builtin
        from ft.engine.predict import predict as predict_requests
        from ft.engine.ranks.interrupt import terminable

        found = predict_requests(
            folder,
            requests,
            reporter,
            builtin(),
            strict=strict,
            trust_remote_code=trust_remote_code,
            trust_plugins=trust_plugins,
            skip=on_bad_row == "skip",
        )
        answers = Counted(found)
        with terminable():
            if output is None:
                _write(answers, sys.stdout, each=to_terminal)
            else:
                _write_file(answers, output, skip=on_bad_row == "skip")
        if answers.bad:
            reporter.finding(
                "warning",
                f"{answers.bad} of {answers.all} requests are not answered: see 'error' in their answers",
            )
    finally:
        reporter.close()


class Counted:
    """Answers, counted while they pass.

    Attributes:
        all: answers that have passed.
        bad: those among them that say why there is none.
    """

    def __init__(self, answers: Iterator[dict[str, Any]]) -> None:
        self._answers = answers
        self.all = self.bad = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The answers."""
        return self

    def __next__(self) -> dict[str, Any]:
        """The next answer."""
        answer = next(self._answers)
        self.all += 1
        self.bad += "error" in answer
        return answer


def _requests(source: str, form: Format) -> Iterator[Request | BadRequest]:
    from ft.engine.batch.read_requests import parse_requests, read_requests

    if source != STDIN:
        return read_requests(Path(source), form)
    if sys.stdin is None:
        raise UserError("there is no standard input", hint="name a file with texts")
    if is_terminal(sys.stdin):
        print("one text a line; end with Ctrl-D on an empty line", file=sys.stderr)
    return parse_requests(sys.stdin.buffer, "standard input", form)


def _write(answers: Iterator[dict[str, Any]], stream: TextIO, *, each: bool) -> None:
    from ft.contract.files import to_json

    reconfigure: Any = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8")
    for answer in answers:
        print(to_json(answer), file=stream, flush=each)
    stream.flush()


def _write_file(answers: Iterator[dict[str, Any]], path: Path, *, skip: bool) -> None:
    """Write the whole file or none."""
    from ft.cli.write_answers import write_answers
    from ft.contract.files import as_shell

    if not path.parent.is_dir():
        raise UserError("there is no such folder", where=f"--output {path}")
    try:
        with as_shell(path) as stream:
            write_answers(answers, path, stream, also=("error",) if skip else ())
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot be written: {error.strerror or error}",
        where=f"--output {path}",
        hint="free some space there, or choose another file",
    )
