"""``ft ablate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

FLAGS = {
    "run.model": "--model",
    "run.epochs": "--epochs",
    "run.seed": "--seed",
    "run.batch_size": "--batch-size",
    "run.learning_rate": "--learning-rate",
    "run.checkpoint_minutes": "--checkpoint-minutes",
    "run.trust_remote_code": "--trust-remote-code",
}


def ablate(
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--plugins",
            "-p",
            help="A task, then the techniques to judge: ner,augment,adversarial.",
            metavar="A,B",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each combination.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    budget: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", min=0, help="Do what fits; say what is left out."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The score to judge by; default: the task's main metric."
        ),
    ] = None,
    worth: Annotated[
        float,
        typer.Option(min=0, help="The smallest gain worth having, in units of the metric."),
    ] = 0.0,
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
    seed: Annotated[int | None, typer.Option(help="The first seed; the others follow it.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples an optimizer step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    checkpoint_minutes: Annotated[
        float | None, typer.Option(help="Save a checkpoint every so many minutes.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the model's folder brings.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The study's folder; by default named by the settings."
        ),
    ] = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Leave the trained model of every run.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page there too.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Find out which techniques pay: train with and without each, with several seeds.

    Settings are those of `ft run`. Stopped, or killed, the same command goes on; started a second
    time meanwhile, also on another host that shares the folder, it helps.
    """
    from ft import TrainingError, resolve, table_text
    from ft_study import tables
    from ft_study.driver import Driver
    from ft_study.pages import to_json
    from ft_study.study import Study
    from ft_study.verdicts import findings

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    flags: dict[str, Any] = {
        "run.model": model,
        "run.epochs": epochs,
        "run.seed": seed,
        "run.batch_size": batch_size,
        "run.learning_rate": learning_rate,
        "run.checkpoint_minutes": checkpoint_minutes,
        "run.trust_remote_code": trust_remote_code or None,
    }
    resolved = resolve(
        None if plugins is None else [name for one in plugins for name in one.split(",")],
        file=config,
        overrides=override or (),
        values={key: value for key, value in flags.items() if value is not None},
        labels=FLAGS,
    )
    for note in resolved.notes:
        say(f"note: {note}")
    study = Study.of(resolved, output)
    arms = len(study.arms)
    say(f"{arms} combinations, {seeds} seeds: {arms * seeds} runs in {study.folder}")
    driver = Driver(study, seeds, jobs, say, budget and budget * 60, keep_models)
    failure: TrainingError | None = None
    try:
        driver.run()
    except TrainingError as error:
        if not any(study.is_finished(job) for job in study.jobs(seeds)):
            raise
        failure = error  # told below what the runs that did not fail have found
    except KeyboardInterrupt as error:
        error.add_note("the same command goes on")
        raise
    found = findings(study, seeds, metric, worth)
    said = tables.words(study, found, driver.left_out)
    text = "\n\n".join(
        [*(table_text(table) for table in tables.tables(study, found)), "\n".join(said)]
    )
    tables.write(study, found, driver.left_out, text, html)
    if as_json:
        typer.echo(to_json(tables.as_json(study, found, driver.left_out)))
    else:
        typer.echo(text)
        say(f"\neverything is in {study.folder}, the page in {study.folder / 'ablation.html'}")
    if failure is not None:
        raise failure
