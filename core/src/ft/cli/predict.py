"""``ft predict``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from ft.cli.options import Debug, Quiet, Strict, TrustPlugins, TrustRemoteCode
from ft.contract.errors import UserError
from ft.engine.batch.read_requests import Format, Request
from ft.reporters.stream import is_terminal

STDIN = "-"


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="[INPUT]",
            show_default=False,
            help="A text file, one text a line, or .jsonl; - or nothing: standard input.",
        ),
    ] = STDIN,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write there; else to standard output."
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="What the input holds; auto goes by its name or first line."),
    ] = "auto",
    strict: Strict = False,
    trust_remote_code: TrustRemoteCode = False,
    trust_plugins: TrustPlugins = False,
    quiet: Quiet = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say the progress as JSON, on standard error.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Predict with the model of a run: one JSON object a line, in the order of the input."""
    from ft.contract.files import to_json
    from ft.reporters.choose import choose
    from ft.reporters.lines import QuietReporter

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
            run,
            requests,
            reporter,
            builtin(),
            strict=strict,
            trust_remote_code=trust_remote_code,
            trust_plugins=trust_plugins,
        )
        answers = (to_json(one) for one in found)
        with terminable():
            if output is None:
                _write(answers, sys.stdout, each=to_terminal)
            else:
                _write_file(answers, output)
    finally:
        reporter.close()


def _requests(source: str, form: Format) -> Iterator[Request]:
    from ft.engine.batch.read_requests import parse_requests, read_requests

    if source != STDIN:
        return read_requests(Path(source), form)
    if sys.stdin is None:
        raise UserError("there is no standard input", hint="name a file with texts")
    if is_terminal(sys.stdin):
        print("one text a line; end with Ctrl-D on an empty line", file=sys.stderr)
    return parse_requests(sys.stdin.buffer, "standard input", form)


def _write(answers: Iterator[str], stream: TextIO, *, each: bool) -> None:
    reconfigure: Any = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8")
    for answer in answers:
        print(answer, file=stream, flush=each)
    stream.flush()


def _write_file(answers: Iterator[str], path: Path) -> None:
    """Write the whole file or none."""
    if not path.parent.is_dir():
        raise UserError("there is no such folder", where=f"--output {path}")
    from ft.contract.files import as_shell

    try:
        with as_shell(path) as stream:
            for answer in answers:
                try:
                    stream.write(f"{answer}\n".encode())
                except OSError as error:
                    raise _unwritable(path, error) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot be written: {error.strerror or error}",
        where=f"--output {path}",
        hint="free some space there, or choose another file",
    )
