"""``ft serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]RUN",
            help="Folders of finished runs. A name stands in the address; else the folder's is taken.",
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine reaches 127.0.0.1.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Holds the key that clients must show; else the variable FT_SERVE_API_KEY does.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="A name by which the server may be called; repeatable. Default: localhost and its "
            "addresses where only this machine can reach it, else any.",
        ),
    ] = None,
    max_items: Annotated[int, typer.Option(help="Items of a request.", min=1)] = 128,
    max_characters: Annotated[int, typer.Option(help="Characters of an item.", min=1)] = 100_000,
    max_bytes: Annotated[int, typer.Option(help="Bytes of a request.", min=1)] = 2_000_000,
    max_queue: Annotated[int, typer.Option(help="Items that may wait.", min=1)] = 2048,
    max_batch_tokens: Annotated[int, typer.Option(help="Tokens of a batch.", min=1)] = 4096,
    max_connections: Annotated[int, typer.Option(help="Connections at once.", min=2)] = 1000,
    timeout: Annotated[
        float, typer.Option(help="Seconds until an answer; then the status is 504.", min=0.001)
    ] = 30.0,
    read_timeout: Annotated[
        float, typer.Option(help="Seconds in which a request must have come.", min=0.001)
    ] = 10.0,
    drain: Annotated[
        float, typer.Option(help="Seconds for requests in progress at the end.", min=1)
    ] = 30.0,
    corrections: Annotated[
        str,
        typer.Option(
            metavar="FOLDER", help="Takes corrected examples, a file a model; '': keep none."
        ),
    ] = "corrections",
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let items name files that the server reads.")
    ] = False,
    log_texts: Annotated[
        bool, typer.Option("--log-texts", help="Log failures with messages that may hold texts.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse other versions of plugins than the run's.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the model's folder brings.")
    ] = False,
    trust_plugins: Annotated[
        bool, typer.Option("--trust-plugins", help="Run plugin files that the run names.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Serve the models of runs over HTTP, with a page to try them."""
    import asyncio
    import logging
    from functools import partial

    from ft_serve import logs
    from ft_serve.models import Models, load, named
    from ft_serve.run import listen, run
    from ft_serve.security import LOCAL, api_key, is_local
    from ft_serve.settings import Settings

    key = api_key(api_key_file)
    hosts = tuple(name.lower() for name in allow_host or ())
    settings = Settings(
        max_items=max_items,
        max_characters=max_characters,
        max_bytes=max_bytes,
        max_queue=max_queue,
        timeout=timeout,
        read_timeout=read_timeout,
        max_batch_tokens=max_batch_tokens,
        api_key=key,
        hosts=(*hosts, *LOCAL) if hosts or is_local(host) else None,
        corrections=Path(corrections) if corrections else None,
        allow_files=allow_files,
        log_texts=log_texts,
    )
    trusting = partial(
        load, strict=strict, trust_remote_code=trust_remote_code, trust_plugins=trust_plugins
    )
    models = Models(named(runs), trusting)
    if key is None and not is_local(host):
        typer.echo("anybody who reaches this machine may ask: set FT_SERVE_API_KEY", err=True)
    bound = listen(host, port)
    names = ", ".join(models.folders)
    serving = run(
        models,
        settings,
        bound,
        drain=drain,
        max_connections=max_connections,
        ready=lambda address: typer.echo(f"serving {names} at {address}"),
    )
    with bound, logs.written(logging.WARNING if quiet else logging.INFO):
        interrupted = asyncio.run(serving)
    if interrupted:
        raise typer.Exit(130)
