"""``ft compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ft import UserError
from ft_study.options import Html, Json


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Folders of finished runs, or FOLDER:TASK; the first to beat.",
        ),
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
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="FILE",
            show_default=False,
            help="Compare two runs on this labelled file, whatever they were tested on; or on "
            "old:SPLIT or new:SPLIT, a split of one of them; repeatable.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            show_default=False,
            help="With --data: also by the values of this column; repeatable.",
        ),
    ] = None,
    no_texts: Annotated[
        bool,
        typer.Option("--no-texts", help="With --data: leave out what the examples say."),
    ] = False,
    html: Html = None,
    as_json: Json = False,
    trust_plugins: Annotated[
        bool,
        typer.Option("--trust-plugins", help="Run plugin files that the runs name, wherever made."),
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the models bring.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Compare runs on their test data, or two runs on any labelled data."""
    if data:
        from ft_study.compare.on_data import compare_on
        from ft_study.compare.told_on_data import results_on

        if metric:
            raise UserError(
                "--data compares all metrics",
                where="--metric",
                hint="leave out --metric, or --data",
            )
        trust = {"trust_plugins": trust_plugins, "trust_remote_code": trust_remote_code}
        told = results_on(compare_on(runs, data, by or (), **trust), runs, texts=not no_texts)
    else:
        from ft_study.compare.comparison import compare_runs, results
        from ft_study.runs import Finished

        for option in [*(["--by"] if by else []), *(["--no-texts"] if no_texts else [])]:
            raise UserError("this is for a comparison on data", where=option, hint="give --data")
        told = results(compare_runs([Finished.read(run) for run in runs], metric))
    if html is not None:
        told.write_page(html)
    told.show(as_json)
    if html is not None and not as_json:
        typer.echo(f"\nthe page is {html}")
