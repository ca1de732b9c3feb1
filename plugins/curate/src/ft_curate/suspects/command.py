"""``ft suspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def suspect(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="Labelled data that the run was not trained on; else its validation and test split.",
        ),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            min=0,
            max=50,
            help="Look at the training data: train that often, each time without a part; 0: do not.",
        ),
    ] = 0,
    most: Annotated[int, typer.Option("-n", min=0, help="How many are shown.")] = 30,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="Write all of them there, as JSON.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Deals the examples to the folds.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")] = False,
    trust_plugins: Annotated[
        bool,
        typer.Option(
            "--trust-plugins", help="Run plugin files that the run names, made elsewhere."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Find labels that are probably wrong, with the reasons."""
    from ft import UserError, table_text, to_json, write_whole
    from ft_curate.suspects.suspect import suspect as look

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    if output is not None and not output.parent.is_dir():
        raise UserError("there is no such folder", where=f"--output {output}")
    found = look(run, file, folds=folds, seed=seed, trust_plugins=trust_plugins, say=say)
    if output is not None:
        try:
            write_whole(output, to_json(found.to_json(), indent=2) + "\n")
        except OSError as error:
            raise UserError(f"cannot be written: {error.strerror}", where=str(output)) from error
    if as_json:
        typer.echo(to_json(found.to_json(), indent=2))
        return
    if found.suspects:
        typer.echo(table_text(found.table(most)))
    typer.echo("\n".join(found.sentences()))
