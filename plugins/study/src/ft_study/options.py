"""The options that the commands of this distribution share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ft import Resolved, RunOptions

Output = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The study's folder; by default named by the settings."),
]
Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the result as a page there too.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


def start(options: RunOptions, quiet: bool) -> tuple[Resolved, Callable[[str], None]]:
    """Resolve the settings and print their notes.

    Returns:
        The settings, and what prints progress to standard error unless ``quiet``.

    Raises:
        ConfigError, PluginError, Problems: as `ft.resolve` does.
    """

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    resolved = options.resolve()
    for note in resolved.notes:
        say(f"note: {note}")
    return resolved, say
