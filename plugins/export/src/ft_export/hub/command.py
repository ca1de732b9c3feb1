"""``ft card`` and ``ft push``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ft_export.hub.push import File

Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
Licence = Annotated[
    str | None,
    typer.Option(
        "--license", help="As the hub spells it, such as apache-2.0; else a field to fill."
    ),
]
Languages = Annotated[
    list[str] | None,
    typer.Option("--language", help="Code of a language of the texts, such as en; repeatable."),
]


def card(
    run: Run,
    name: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="The model's name on the hub.")
    ] = None,
    licence: Licence = None,
    language: Languages = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a card that is there.")] = False,
) -> None:
    """Write the card of a run's model, model/README.md, from the run's record."""
    from ft import UserError, write_whole
    from ft_export.hub.card import CARD, make_card

    path = run / "model" / CARD
    text = make_card(run, name or run.name, licence=licence, languages=language or ())
    if path.exists() and not force:
        raise UserError(
            "there is a card already",
            where=str(path),
            hint="--force writes it anew from the record",
        )
    write_whole(path, text)
    typer.echo(f"the card is {path}")


def push(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The model on the hub.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody may read it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    licence: Licence = None,
    language: Languages = None,
    allow_texts: Annotated[
        bool,
        typer.Option("--allow-texts", help="Upload also files that hold texts of the run's data."),
    ] = False,
) -> None:
    """Upload a run's model with its card to the hub: private, and never with texts of the data."""
    from ft_export.hub.push import push as push_run

    def confirm(where: str, files: Sequence[File]) -> bool:
        typer.echo(f"to {where}:")
        for one in files:
            typer.echo(f"  {one.size:>13,}  {one.name}")
        typer.echo(f"  {sum(one.size for one in files):>13,}  bytes in all")
        return yes or typer.confirm("upload this?")

    address = push_run(
        run,
        name,
        public=public,
        licence=licence,
        languages=language or (),
        allow_texts=allow_texts,
        confirm=confirm,
    )
    typer.echo(f"done: {address}" if address else "nothing was uploaded")
