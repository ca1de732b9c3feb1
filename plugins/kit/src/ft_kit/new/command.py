"""``ft new plugin``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    help="Create a plugin package.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback()
def new() -> None:
    """Create a plugin package."""


@app.command("plugin")
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
) -> None:
    """Write the package of a plugin that works, with tests that pass."""
    from ft_kit.new.package import write_package

    package = write_package(name, kind, folder)
    for path in package.files:
        typer.echo(f"  {path}")
    typer.echo(f"wrote the {kind} '{name}'. Now, in an environment with ft and ft-kit:")
    typer.echo(f"  cd {package.folder}")
    typer.echo("  pip install -e '.[test]' && pytest")
    typer.echo(f"  ft plugins show {name}")
