"""``ft ablate``."""

from __future__ import annotations

from typing import Annotated

import typer

from ft import RunOptions, run_options
from ft_study.options import Html, Json, Output, Quiet, start

NAME = "ablation"


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
    output: Output = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Leave the trained model of every run.")
    ] = False,
    html: Html = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find out which techniques pay: train with and without each, with several seeds.

    Settings are those of `ft run`. Stopped, or killed, the same command goes on; started a second
    time meanwhile, also on another host that shares the folder, it helps.
    """
    from ft import TrainingError
    from ft_study.ablate.driver import Driver
    from ft_study.ablate.study import Study
    from ft_study.ablate.tables import results
    from ft_study.ablate.verdicts import findings

    resolved, say = start(options, quiet)
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
    told = results(study, found, driver.left_out)
    told.write(study.folder, NAME)
    if html is not None:
        told.write_page(html)
    told.show(as_json)
    if not as_json:
        say(f"\neverything is in {study.folder}, the page in {study.folder / NAME}.html")
    if failure is not None:
        raise failure
