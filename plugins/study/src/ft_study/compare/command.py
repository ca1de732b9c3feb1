"""``ft compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ft_study.options import Html, Json


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Folders of finished runs; the first to beat."),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            show_default=False,
            help="A metric to test, or 'all'; repeatable. Default: the first run's main metric.",
        ),
    ] = None,
    html: Html = None,
    as_json: Json = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Compare runs on the same test data: differences with tests, settings, cost."""
    from ft_study.compare.comparison import compare_runs, results
    from ft_study.runs import Finished

    told = results(compare_runs([Finished.read(run) for run in runs], metric))
    if html is not None:
        told.write_page(html)
    told.show(as_json)
    if html is not None and not as_json:
        typer.echo(f"\nthe page is {html}")
