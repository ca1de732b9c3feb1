"""``ft compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the comparison as a page too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Compare runs on the same test data: differences with tests, settings, cost."""
    from ft import html_page, table_text
    from ft_study import comparison
    from ft_study.pages import to_json, write_whole
    from ft_study.runs import Finished

    found = comparison.compare_runs([Finished.read(run) for run in runs], metric)
    tables = list(comparison.tables(found))
    if html is not None:
        about, charts = " and ".join(found.names), list(comparison.charts(found))
        write_whole(html, html_page("Runs compared", about, tables, charts=charts))
    if as_json:
        typer.echo(to_json(comparison.as_json(found)))
        return
    typer.echo("\n\n".join(table_text(table) for table in tables))
    if html is not None:
        typer.echo(f"\nthe page is {html}")
