"""``ft ablate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ft import RunOptions, run_options


@run_options(
    plugins="A task, then the techniques to judge: ner,augment,adversarial.",
    seed="The first seed; the others follow it.",
)
def ablate(
    options: RunOptions,
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
) -> None:
    """Find out which techniques pay: train with and without each, with several seeds.

    Settings are those of `ft run`. Stopped, or killed, the same command goes on; started a second
    time meanwhile, also on another host that shares the folder, it helps.
    """
    from ft import TrainingError, table_text
    from ft_study import tables
    from ft_study.driver import Driver
    from ft_study.pages import to_json
    from ft_study.study import Study
    from ft_study.verdicts import findings

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    resolved = options.resolve()
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
