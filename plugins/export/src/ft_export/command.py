"""``ft export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    to: Annotated[
        Literal["onnx", "openvino", "torch"],
        typer.Option("--to", help="The form of the exported model."),
    ] = "onnx",
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Quantize to 8 bits; layers that lose too much stay in float (ONNX, torch).",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The new folder; else exports/FORM in the run's folder."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare on this file in place of the run's split."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split to compare on.")] = "test",
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Largest difference of outputs, as a share of the largest output; "
            "else 0.001, and any with --int8.",
        ),
    ] = None,
    decisions: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Smallest share of decisions that must be the same; else 0.999, with --int8 0.99.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Export the model of a run to ONNX, OpenVINO or int8, and prove that it answers alike."""
    from ft import table_text, to_json
    from ft_export.export import export as export_run

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    folder, parity = export_run(
        run,
        to,
        int8=int8,
        output=output,
        data=data,
        split=split,
        tolerance=tolerance,
        decisions=decisions,
        say=say,
    )
    if as_json:
        typer.echo(to_json({"folder": str(folder), **parity.to_json()}))
    else:
        typer.echo(f"{table_text(parity.table())}\nthe exported run is {folder}")
