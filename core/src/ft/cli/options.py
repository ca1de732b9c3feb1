"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say only warnings and the final metrics.")
]
Json = Annotated[bool, typer.Option("--json", help="Say everything as JSON, one object a line.")]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that the model's folder brings.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse other plugins than the run was made with."),
]
