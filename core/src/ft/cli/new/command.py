"""``ft new plugin``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ft.cli.failure import guarded
from ft.cli.options import Debug

app = typer.Typer(
    help="Begin something new.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


@app.callback()
def new() -> None:
    """Begin something new."""


@app.command("plugin")
@guarded
def plugin(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="What --plugins shall call it, such as relations."),
    ],
    kind: Annotated[
        Literal["task", "technique"],
        typer.Option(help="A task reads data and scores; a technique works with every task."),
    ],
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to make; else ft-NAME in this one."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write the package of a plugin that works, with tests that pass."""
    from ft.cli.new.package import write_package

    package = write_package(name, kind, folder)
    for path in package.files:
        typer.echo(f"  {path}")
    typer.echo(f"wrote the {kind} '{name}'. Now, in an environment with ft and pytest:")
    typer.echo(f"  cd {package.folder}")
    typer.echo("  pip install -e . && pytest")
    typer.echo(f"  ft plugins show {name}")
