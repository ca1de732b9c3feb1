"""``ft new-model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def new_model(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to make.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Tables, or text files, with sources and targets."),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME", help="A column with texts; else all are read."),
    ] = None,
    kind: Annotated[Literal["t5", "bart", "marian"], typer.Option(help="The architecture.")] = "t5",
    size: Annotated[
        Literal["tiny", "small", "base"],
        typer.Option(help="2 layers of 64, 3 of 256, or 6 of 512, in encoder and decoder each."),
    ] = "small",
    vocabulary: Annotated[
        int, typer.Option(min=300, help="Pieces of the tokenizer at most.")
    ] = 8000,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Of the model.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights.")] = 0,
) -> None:
    """Write a small encoder-decoder model that has learnt nothing, with a tokenizer of your texts."""
    from ft import ConfigError, DataError, read_lines, read_table
    from ft_seq2seq.new_model import texts_of, write_model

    texts: list[str] = []
    for file in files:
        if file.suffix in (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"):
            rows = read_table(file, owner="new-model", setting="FILE")
            missing = [name for name in columns or () if name not in rows.column_names]
            if missing:
                raise DataError(
                    f"there is no column {missing[0]!r}",
                    where=str(file),
                    hint=f"its columns are {', '.join(rows.column_names)}",
                )
            texts += texts_of(rows, columns or rows.column_names)
        else:
            texts += read_lines(file, owner="new-model")
    if not any(text.strip() for text in texts):
        raise DataError("there are no texts", where=str(files[0]))
    try:
        count = write_model(
            folder,
            texts,
            kind=kind,
            size=size,
            vocabulary=vocabulary,
            dropout=dropout,
            seed=seed,
        )
    except FileExistsError as error:
        raise ConfigError(str(error), where="FOLDER", hint="name a new one") from error
    typer.echo(f"wrote a {kind} of {count:,} parameters into {folder}, from {len(texts):,} texts")
    typer.echo(f"  ft run --plugins seq2seq --model {folder} --learning-rate 1e-3 ...")
