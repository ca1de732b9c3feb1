"""The command ``ft``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ft.cli import evaluate, plugins, predict, report, run
from ft.cli.commands import Command, Commands
from ft.cli.failure import guarded
from ft.engine.collector import rarely
from ft.reporters.stream import detach

app = typer.Typer(
    cls=Commands,
    help="Fine-tune pre-trained transformers with plugins: a task, and techniques behind it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        # Without a value, typer imports pydantic to look at it, which takes longer than the rest.
        "default_map": {"help": False, "plugins": {"help": False}},
    },
    pretty_exceptions_enable=False,
)
app.command("run", cls=Command)(guarded(run.run))
app.command("predict", cls=Command)(guarded(predict.predict))
app.command("evaluate", cls=Command)(guarded(evaluate.evaluate))
app.command("report", cls=Command)(guarded(report.report))
app.add_typer(plugins.app, name="plugins")


def _version(wanted: bool) -> None:
    if wanted:
        from ft.contract.version import __version__

        typer.echo(f"ft {__version__}")
        raise typer.Exit


@app.callback()
def ft(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Fine-tune pre-trained transformers with plugins: a task, and techniques behind it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: those of the process by default.

    Returns:
        The exit code: 0 done, 1 a plugin or the training failed, 2 the input is wrong,
        130 interrupted.
    """
    _calm_libraries()
    try:
        with rarely():
            app(list(sys.argv[1:] if arguments is None else arguments), prog_name="ft")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            detach(stream)
    return code


def _calm_libraries() -> None:
    """Keep bars and chatter of the libraries out of our own, unless the user asked for them."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
