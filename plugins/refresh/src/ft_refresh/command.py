"""``ft refresh``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

DO_NOT_SHIP = 3
"""The exit code where the new run is finished and should not be shipped."""


def refresh(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="Folder of the finished run to go on from."),
    ] = None,
    train: Annotated[
        list[str] | None,
        typer.Option("--train", metavar="FILE", help="New training data; repeatable."),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation",
            metavar="FILE",
            help="New validation data; else a tenth of the new training data.",
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="FILE", help="New test data; repeatable."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="WAYS",
            help="How what is known is kept: replay, l2sp, lwf, wise, several with commas, or none. "
            "[default: replay; with --no-old-data: lwf,l2sp]",
        ),
    ] = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="The new data is labelled for the new classes alone (from_run.complete).",
        ),
    ] = False,
    no_old_data: Annotated[
        bool,
        typer.Option(
            "--no-old-data", help="Do not read the old training and validation data again."
        ),
    ] = False,
    override: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="KEY=VALUE", help="A setting, e.g. -o replay.share=0.5"),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training data.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random number.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The new run's folder; else a new one under runs/."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="NEW", help="Go on with a refresh that was stopped, or report on it again."
        ),
    ] = None,
    fall: Annotated[
        float, typer.Option(min=0, help="By how much a score may fall without being refused.")
    ] = 0.02,
    proof: Annotated[
        Literal["shown", "point", "safe"],
        typer.Option(
            help="What is refused: a larger fall that is significant; any larger fall; or whatever "
            "does not rule out a larger fall."
        ),
    ] = "shown",
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="The classes that may not fall; else all that the old run knows."
        ),
    ] = None,
    no_texts: Annotated[
        bool, typer.Option("--no-texts", help="Leave what the examples say out of the report.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the verdict.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    trust_plugins: Annotated[
        bool,
        typer.Option("--trust-plugins", help="Run plugin files that the run names, wherever made."),
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the model brings.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Train a finished run further on new data, and report what got worse.

    The exit code is 0 where the new run may be shipped, and 3 where it should not be.
    """
    import ft
    from ft import UserError
    from ft_refresh import go_on, report
    from ft_refresh.verdict import Rule

    trust = {"trust_plugins": trust_plugins, "trust_remote_code": trust_remote_code}
    silent = quiet or as_json
    rule = Rule(
        fall, proof, None if classes is None else [one.strip() for one in classes.split(",")]
    )
    if (run is None) == (resume is None):
        raise UserError(
            "name the run to go on from"
            if run is None
            else "a refresh that is resumed has its run",
            hint="ft refresh RUN --train FILE, or ft refresh --resume NEW",
        )
    if resume is not None:
        if train or validation or override or keep or output or epochs or learning_rate or seed:
            raise UserError(
                "a refresh that is resumed has its own settings",
                where=f"--resume {resume}",
                hint="give --resume alone, with --test and the rule of the verdict where there are any",
            )
        older, new = go_on.resume(resume, quiet=silent, **trust), resume
    else:
        assert run is not None
        if not train:
            raise UserError(
                "no new data is named", where="--train", hint="ft refresh RUN --train FILE"
            )
        old = go_on.Older.open(run, **trust)
        old.require_classes(rule.classes or ())
        given = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
        wish = go_on.Wish(
            train,
            validation or (),
            test or (),
            go_on.keep_of(keep, not no_old_data),
            complete,
            not no_old_data,
            override or (),
            {name: value for name, value in given.items() if value is not None},
        )
        resolved = go_on.settings(old, wish)
        if old.stored_alone and not silent:
            typer.echo(
                "note: the old data is not there any more: the examples that the run stored stand for "
                "it, and the new validation data alone chooses the model",
                err=True,
            )
        try:
            new = go_on.train(resolved, output, quiet=silent, **trust)
        except (ft.Interrupted, KeyboardInterrupt) as error:
            more = "".join(f" --test {one}" for one in test or ())
            folder = output or "FOLDER"
            error.add_note(
                f"`ft refresh --resume {folder}{more}` goes on with it and reports on it"
            )
            raise
        older = run
    made = report.of_runs(older, new, test or (), rule, texts=not no_texts, trust=trust)
    made.write()
    if as_json:
        typer.echo(ft.to_json(made.to_json(), indent=2))
    else:
        typer.echo(made.verdict.text if quiet else made.text)
        if not quiet:
            typer.echo(f"\nthe new run is {new}, the report {new / report.NAME}.html")
    if not made.verdict.ship:
        raise typer.Exit(DO_NOT_SHIP)
