"""``ft answers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def answers(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a finished run of `answers`.")
    ],
    add: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Add the answers of a file: answer, and if any id and question."
        ),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Take an answer away; several times.")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Go back to the answers that the run was trained with.")
    ] = False,
) -> None:
    """List the answers that a run knows, add some or take some away, without training."""
    from ft_answers.change import change, listing

    if add or remove or reset:
        typer.echo(change(run, add, remove or [], reset=reset))
    else:
        typer.echo(listing(run))
