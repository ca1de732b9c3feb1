"""What a trained model is for: predicting, and scoring other data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.config import resolve
from ft.engine import provenance
from ft.engine.folder import RunFolder
from ft.engine.inference import as_examples, predict_examples
from ft.engine.outcome import Result, check_model, restored_run, score
from ft.engine.requests import as_row
from ft.engine.run import Run
from ft.engine.setup import build_model, load_data
from ft.errors import UserError
from ft.schema import Schema, TaskData

if TYPE_CHECKING:
    from ft.reporter import Reporter

REQUEST_BATCH = 256
"""Requests that `predict` answers together."""


def open_run(path: Path, reporter: Reporter, *, strict: bool = False) -> Run:
    """Load a finished run for prediction: plugins, schema, model.

    Args:
        path: the run's folder.
        reporter: is told where the plugins differ from those that the run was made with.
        strict: refuse where they do.

    Raises:
        UserError: there is no finished run in the folder, or its plugins are refused.
    """
    from datasets import DatasetDict

    folder = RunFolder(path)
    if not folder.config.exists() or not folder.task.exists():
        raise UserError(
            "there is no finished run here",
            where=str(path),
            hint="give the folder that `ft run` printed at its end",
        )
    task = folder.read_sealed(folder.task)
    if "model" not in task:
        raise UserError(
            "this run is not finished",
            where=str(path),
            hint=f"go on with `ft run --resume {path}`",
        )
    resolved = resolve(None, file=folder.config)
    provenance.compare(folder, resolved, reporter.note, strict=strict)
    for change in provenance.changed_settings(task["settings"], resolved):
        reporter.note(change)
    check_model(folder, task["model"])
    run = restored_run(resolved, folder, reporter)
    run.data = TaskData(DatasetDict(), Schema.from_json(task["schema"]))
    for member in run.hooks.members:
        member.plugin.load_state_dict(task["plugins"].get(member.name, {}))
    run.model = build_model(run, run.data)
    run.model.eval()
    return run


def predict(
    path: Path,
    requests: Iterable[str | Mapping[str, Any]],
    reporter: Reporter,
    *,
    strict: bool = False,
) -> Iterator[dict[str, Any]]:
    """Predict texts or rows with the model of a run folder, in their order.

    ``strict`` refuses other plugins than the run was made with.
    """
    run = open_run(path, reporter, strict=strict)
    stream = iter(requests)
    done = 0
    while chunk := list(islice(stream, REQUEST_BATCH)):
        rows = [as_row(run, request, done + i) for i, request in enumerate(chunk)]
        for row, prediction in zip(rows, predict_examples(run, as_examples(rows)), strict=True):
            yield {**row, **prediction}
        done += len(chunk)
        reporter.progress("predict", done, 0)


def evaluate(
    path: Path, data: str | None, split: str, reporter: Reporter, *, strict: bool = False
) -> Result:
    """Score the model of a run folder on a split of its data, or on other data.

    Args:
        path: the run folder.
        data: a file to score in place of the run's own split; ``None`` for the split itself.
        split: ``validation`` or ``test``.
        reporter: is told what happens.
        strict: refuse other plugins than the run was made with.
    """
    run = open_run(path, reporter, strict=strict)
    assert run.data is not None
    schema = run.data.schema
    if data is not None:
        for member in run.hooks.members:
            if split in type(member.plugin.config).model_fields:
                member.plugin.config = member.plugin.config.model_copy(update={split: data})
    loaded = load_data(run)
    loaded.schema = schema
    run.data = loaded
    if split not in loaded.splits:
        raise UserError(
            f"the run has no {split} split", hint="give --data FILE, or another --split"
        )
    result = Result(path, {})
    name = split if data is None else f"{split}-{Path(data).stem}"
    score(run, RunFolder(path), split, result, name)
    reporter.finish(result)
    return result
