"""``ft evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from ft.cli.options import Debug, FinishedRun, Json, Quiet, Strict, TrustPlugins, TrustRemoteCode


def evaluate(
    run: FinishedRun,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Score this file in place of the run's own split."),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="The split to score: validation, test, or another that the task or a technique brings."
        ),
    ] = "test",
    strict: Strict = False,
    trust_remote_code: TrustRemoteCode = False,
    trust_plugins: TrustPlugins = False,
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score the model of a run on its test split, or on other data."""
    from ft.reporters.choose import choose
    from ft.runfolder.hub import local_run

    reporter = choose(quiet=quiet, as_json=as_json)
    try:
        from ft.builtin import builtin
        from ft.engine.predict import evaluate as evaluate_run

        evaluate_run(
            local_run(run),
            data,
            split,
            reporter,
            builtin(),
            strict=strict,
            trust_remote_code=trust_remote_code,
            trust_plugins=trust_plugins,
        )
    finally:
        reporter.close()
