"""``ft report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ft.cli.options import Debug


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    debug: Debug = False,
) -> None:
    """Make a run's report.html again, from what its folder holds, and print its path."""
    from ft.page import require_libraries

    require_libraries()
    from ft.builtin.report.build import write_report

    typer.echo(write_report(run))
