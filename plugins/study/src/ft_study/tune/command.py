"""``ft tune``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ft import RunOptions, run_options
from ft_study.options import Json, Output, Quiet, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ft import Table
    from ft_study.tune.space import Dimension


@run_options()
def tune(
    options: RunOptions,
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            "-s",
            metavar="KEY[=RANGE]",
            show_default=False,
            help="A setting to search: in its own range, in LOW..HIGH (behind it :log or :linear), "
            "or among A,B,C; repeatable. Default: all that declare a range and are not given.",
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials of the study, over all processes that share it.")
    ] = 20,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="Where the study is kept: the URL of a data base that Optuna takes, or "
            "journal:FILE; by default an SQLite file in the output folder.",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="The study's name in the storage; by default that of the output folder.",
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option(help="Stop trials early that are below the median of the others.")
    ] = True,
    output: Output = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what would be searched, and do not train.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Search for better settings: trials with other values, the bad ones stopped early.

    Settings are those of `ft run`; the first trial has them as they are given. Stopped, or killed,
    the same command goes on; started a second time meanwhile, it helps.
    """
    _refuse_without_optuna()
    from ft import table_text, to_json
    from ft_study.tune.space import labelled, not_searched, space
    from ft_study.tune.work import Base, check

    resolved, say = start(options, quiet)
    dimensions = space(resolved, search or ())
    base = Base.of(resolved)
    check(base, dimensions, labelled(dimensions))
    searched = table_text(_searched(dimensions, not_searched(resolved, dimensions)))
    if explain:
        values = {one.key: one.to_json() for one in dimensions}
        typer.echo(to_json(values, indent=2) if as_json else searched)
        return
    _refuse_several_processes()
    from ft_study.tune.driver import drive

    say(searched + "\n")
    drive(base, dimensions, output, storage, study, trials, prune, say).show(as_json)


def _refuse_without_optuna() -> None:
    """Say what to install.

    Raises:
        UserError: Optuna is not installed.
    """
    from importlib.util import find_spec

    from ft import UserError

    if find_spec("optuna") is None:
        raise UserError("`ft tune` needs Optuna: pip install 'ft-study[tune]'")


def _searched(dimensions: Sequence[Dimension], kept: Sequence[str]) -> Table:
    """What is searched, for people."""
    from ft import Table
    from ft_study.tune.search import shown

    rows = tuple(
        (one.key, one.text(), "none" if one.given is None else shown(one.given))
        for one in dimensions
    )
    note = f"not searched: {', '.join(kept)}" if kept else ""
    return Table("What is searched", ("setting", "range", "as given"), rows, note)


def _refuse_several_processes() -> None:
    """Trials are shared out between commands, and each takes one process.

    Raises:
        UserError: the command was started by a launcher, in several processes.
    """
    from ft import UserError

    if int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise UserError(
            "a trial trains in one process",
            where="WORLD_SIZE",
            hint="start the same `ft tune` once for each GPU (CUDA_VISIBLE_DEVICES=0, 1, ...): they "
            "share the trials",
        )
