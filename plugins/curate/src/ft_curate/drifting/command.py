"""``ft drift``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DRIFT = 3
"""The exit code where there is drift."""


def drift(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="New texts, with or without labels: one a line, .jsonl, .json, .csv, .tsv, .parquet, "
            "CoNLL.",
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Texts to compare with; else those of the run's validation or test split.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(show_default=False, help="The run's split to compare with."),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(min=1e-4, max=0.5, help="How often chance alone may give an alarm."),
    ] = 0.01,
    effect: Annotated[
        float, typer.Option(min=0, max=1, help="The smallest change that gives an alarm.")
    ] = 0.1,
    sample: Annotated[
        int, typer.Option(min=20, help="Texts of a side that are read at most, drawn at random.")
    ] = 5000,
    seed: Annotated[int, typer.Option(help="Of the sample and of the tests.")] = 0,
    trust_plugins: Annotated[
        bool,
        typer.Option(
            "--trust-plugins", help="Run plugin files that the run names, made elsewhere."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Say whether new texts are like those that a run knows, before they have labels.

    The exit code is 0 where they are, 3 where they are not.
    """
    from ft import table_text, to_json
    from ft_curate.drifting.drift import drift as compare

    found = compare(
        run,
        file,
        reference=reference,
        split=split,
        alpha=alpha,
        effect=effect,
        sample=sample,
        seed=seed,
        trust_plugins=trust_plugins,
    )
    if as_json:
        typer.echo(to_json(found.to_json(), indent=2))
    else:
        typer.echo("\n".join([table_text(found.table()), "", *found.sentences()]))
    if found.drift:
        raise typer.Exit(DRIFT)
