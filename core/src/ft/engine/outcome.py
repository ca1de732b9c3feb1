"""What a run gives back: the scores of its splits, with their predictions in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ft.config.resolve import Resolved
from ft.contract.draws import to_bytes
from ft.contract.errors import DataError
from ft.contract.results import Metric, Result
from ft.contract.schema import TaskData
from ft.engine.batch.inference import measure
from ft.engine.resume import made_with
from ft.engine.resume.checkpoint import plugin_state
from ft.engine.run import LiveRun
from ft.runfolder.examples import example_rows
from ft.runfolder.folder import RunFolder


def score(
    run: LiveRun,
    folder: RunFolder,
    split: str,
    result: Result,
    name: str | None = None,
    at: tuple[int, int] | None = None,
) -> None:
    """Predict and evaluate one split with the model as it is, into the folder and the result.

    ``name`` is that of the files with the predictions; by default the split's. ``at`` is the step
    and the epoch of the weights, where they are not the last ones.
    """
    name = name or split
    predictions, evaluation, metrics = measure(run, split, final=True)
    assert run.data is not None
    result.metrics[split] = metrics
    result.main = run.config.metric or evaluation.main
    result.tables = list(evaluation.tables)
    rows = example_rows(predictions.examples, predictions.schema, run.data.files.get(split, ()))
    folder.write_examples(name, rows)
    folder.write_predictions(name, predictions.items)
    drawn = {key: one.draws for key, one in evaluation.metrics.items() if one.draws is not None}
    folder.write_draws(name, to_bytes(drawn))
    if evaluation.titles:
        folder.write(folder.predictions / f"{name}.titles.json", dict(evaluation.titles))
    folder.write(
        folder.predictions / f"{name}.tables.json", [asdict(table) for table in evaluation.tables]
    )
    step, epoch = at or (run.step, run.epoch)
    run.reporter.evaluation(step, epoch, split, metrics, False)
    for table in evaluation.tables:
        run.reporter.table(table)


def task_json(
    run: LiveRun,
    data: TaskData,
    resolved: Resolved,
    fingerprints: Mapping[str, str],
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """What prediction needs beside the model, and what a resume compares."""
    return {
        "settings": made_with.settings(resolved),
        "data": dict(fingerprints),
        **made,
        "schema": data.schema.to_json(),
        "max_length": run.max_length,
        "used": run.used,
        "plugins": {member.name: plugin_state(member) for member in run.hooks.kept},
    }


def finished(folder: RunFolder) -> Result | None:
    """The result of a run that is finished; ``None`` where something is left to do."""
    if not folder.record.exists():
        return None
    try:
        told = folder.read_sealed(folder.record)
        metrics = {
            split: {name: Metric(**values) for name, values in scores.items()}
            for split, scores in told["metrics"].items()
        }
    except (DataError, KeyError, TypeError, AttributeError):
        # A record that is damaged or not sealed yet is made again from the last checkpoint.
        return None
    return Result(folder.path, metrics, [], told, told.get("main"))
