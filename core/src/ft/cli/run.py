"""``ft run``."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from ft.cli.options import Debug, Json, Quiet, RunOptions, Strict, TrustPlugins, run_options
from ft.contract.errors import UserError


@run_options()
def run(
    options: RunOptions,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The run's folder; else a new one under runs/."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what the run would do, and do not train.")
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a Chrome trace of every hook call there."),
    ] = None,
    allow_changed: Annotated[
        bool,
        typer.Option("--allow-changed", help="Resume though data, plugins or settings changed."),
    ] = False,
    strict: Strict = False,
    trust_plugins: TrustPlugins = False,
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fine-tune a model.

    Settings come from the file, then -o, then the other options; `ft plugins show NAME` lists those
    of a plugin. Relative paths are looked up from the current folder.
    """
    began = perf_counter()
    from ft.config.resolve import source_file
    from ft.reporters.choose import choose

    if strict and resume is None:
        raise UserError(
            "there is no run to compare with",
            where="--strict",
            hint="give --resume RUN, or leave it out: a new run writes down its plugins",
        )
    if allow_changed and resume is None:
        raise UserError(
            "there is no run that anything could have changed since",
            where="--allow-changed",
            hint="give --resume RUN, or leave it out",
        )
    resolved = options.resolve(
        source_file(options.names, options.config, output, resume, trust_plugins=trust_plugins)
    )
    if explain:
        from ft.cli.explain import show

        show(resolved, as_json=as_json)
        return
    reporter = choose(quiet=quiet, as_json=as_json)
    try:
        from ft.builtin import builtin
        from ft.engine.train import train

        for note in resolved.notes:
            reporter.note(note)
        train(
            resolved,
            builtin(),
            output=output,
            resume=resume,
            reporter=reporter,
            trace=trace,
            strict=strict,
            allow_changed=allow_changed,
            began=began,
        )
    finally:
        reporter.close()
