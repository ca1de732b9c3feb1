"""``ft pick``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def pick(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    pool: Annotated[
        Path,
        typer.Argument(
            metavar="POOL",
            help="Texts without labels: one a line, .jsonl, .json, .csv, .tsv, .parquet; labels that "
            "are there do not count.",
        ),
    ],
    count: Annotated[int, typer.Option("-n", min=1, help="How many texts are wanted.")] = 100,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default=False, help="The file; else to-label.*."
        ),
    ] = None,
    to: Annotated[
        Literal["label-studio", "doccano", "conll", "csv"] | None,
        typer.Option(
            show_default=False,
            help="The form; else the ending of --output says it, or label-studio.",
        ),
    ] = None,
    strategy: Annotated[
        Literal["mixed", "uncertain", "diverse", "random"],
        typer.Option(
            help="mixed: unsure and different from each other; uncertain: the least sure; diverse: "
            "different from each other; random."
        ),
    ] = "mixed",
    measure: Annotated[
        Literal["margin", "entropy", "least"], typer.Option(help="How uncertainty is measured.")
    ] = "margin",
    share_random: Annotated[
        float,
        typer.Option(
            "--random", min=0, max=1, help="The share that is chosen at random, and marked so."
        ),
    ] = 0.1,
    proposals: Annotated[
        bool, typer.Option(help="Write the model's own answers beside the texts.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the files.")] = False,
    trust_plugins: Annotated[
        bool,
        typer.Option(
            "--trust-plugins", help="Run plugin files that the run names, made elsewhere."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Choose texts of a pool to label next, and write them for an annotation tool."""
    from ft import to_json
    from ft_curate.picking.pick import pick as choose

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    found = choose(
        run,
        pool,
        count,
        output=output,
        to=to,
        strategy=strategy,
        measure=measure,
        share_random=share_random,
        proposals=proposals,
        seed=seed,
        trust_plugins=trust_plugins,
        say=say,
    )
    if as_json:
        typer.echo(to_json(found.to_json(), indent=2))
        return
    for note in found.notes:
        say(f"note: {note}")
    at_random = sum(one.by == "random" for one in found.picked)
    say(
        f"{len(found.picked):,} of {found.pool:,} texts are chosen, {at_random:,} of them at random"
    )
    for file in found.files:
        typer.echo(str(file))
