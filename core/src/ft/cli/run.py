"""``ft run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ft.cli.options import Debug, Json, Quiet, Strict, TrustRemoteCode
from ft.errors import UserError

FLAGS = {
    "run.model": "--model",
    "run.epochs": "--epochs",
    "run.seed": "--seed",
    "run.batch_size": "--batch-size",
    "run.learning_rate": "--learning-rate",
    "run.checkpoint_minutes": "--checkpoint-minutes",
    "run.trust_remote_code": "--trust-remote-code",
}


def run(
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--plugins",
            "-p",
            help="A task, then techniques, with commas between: ner,augment.",
            metavar="A,B",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings in TOML.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-o",
            metavar="TABLE.KEY=VALUE",
            show_default=False,
            help="One setting, over those of the file; repeatable.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name of a pre-trained model on the hub, or a folder.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training split.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random number.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples an optimizer step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The run's folder; else a new one under runs/."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    checkpoint_minutes: Annotated[
        float | None, typer.Option(help="Save a checkpoint every so many minutes.")
    ] = None,
    trust_remote_code: TrustRemoteCode = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the run would do, and do not train.")
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a Chrome trace of every hook call there."),
    ] = None,
    allow_changed: Annotated[
        bool,
        typer.Option("--allow-changed", help="Resume though data, plugins or settings changed."),
    ] = False,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fine-tune a model.

    Settings come from the file, then -o, then the other options; `ft plugins show NAME` lists those
    of a plugin. Relative paths are looked up from the current folder.
    """
    from ft.cli.progress import choose
    from ft.config import resolve, source_file

    flags = {
        "run.model": model,
        "run.epochs": epochs,
        "run.seed": seed,
        "run.batch_size": batch_size,
        "run.learning_rate": learning_rate,
        "run.checkpoint_minutes": checkpoint_minutes,
        "run.trust_remote_code": trust_remote_code or None,
    }
    if strict and resume is None:
        raise UserError(
            "there is no run to compare with",
            where="--strict",
            hint="give --resume RUN, or leave it out: a new run writes down its plugins",
        )
    if allow_changed and resume is None:
        raise UserError(
            "there is no run that anything could have changed since",
            where="--allow-changed",
            hint="give --resume RUN, or leave it out",
        )
    names = split_names(plugins)
    file = source_file(names, config, output, resume)
    resolved = resolve(
        names,
        file=file,
        overrides=override or (),
        values={key: value for key, value in flags.items() if value is not None},
        labels=FLAGS,
    )
    if explain:
        from ft.cli.explain import show

        show(resolved, as_json=as_json)
        return
    reporter = choose(quiet=quiet, as_json=as_json)
    try:
        from ft.engine import session

        for note in resolved.notes:
            reporter.note(note)
        session.train(
            resolved,
            output=output,
            resume=resume,
            reporter=reporter,
            trace=trace,
            strict=strict,
            allow_changed=allow_changed,
        )
    finally:
        reporter.close()


def split_names(given: Sequence[str] | None) -> list[str] | None:
    """The names in ``--plugins a,b --plugins c``, in order."""
    if given is None:
        return None
    return [name.strip() for names in given for name in names.split(",")]
