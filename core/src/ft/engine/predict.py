"""What a trained model is for: predicting, and scoring other data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.builtin.processor.lean import make_lean
from ft.builtin.standard.requests import read
from ft.config.resolve import resolve
from ft.contract.errors import DataError, UserError
from ft.contract.results import Result
from ft.contract.schema import POOL, SPLITS, Schema, TaskData
from ft.engine.batch.inference import as_examples, predict_examples
from ft.engine.collector import paused
from ft.engine.outcome import check_model, restored_run, score
from ft.engine.ranks.bystander import run_folder
from ft.engine.ranks.ranks import joined
from ft.engine.resume import made_with
from ft.engine.run import PREDICT, LiveRun
from ft.engine.setup import build_model, load_data
from ft.runfolder import untrusted
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from ft.reporters.reporter import Reporter

REQUESTS = 4096
"""Requests that `predict` answers together at most."""

CHARACTERS = 1 << 18
"""Characters of requests that are enough to be answered together: passes over them are alike in length,
and of long texts the answers do not wait for thousands of others."""


def open_run(
    path: Path,
    reporter: Reporter,
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
) -> LiveRun:
    """Load a finished run for prediction: plugins, schema, model.

    Args:
        path: the run's folder.
        reporter: is told where the plugins differ from those that the run was made with.
        strict: refuse where they do.
        trust_remote_code: run code that the model's folder brings; what the run was made with
            does not count.
        trust_plugins: run plugin files that the run names, though it was not made here.

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
    untrusted.refuse(path, trust_plugins=trust_plugins)
    task = folder.read_sealed(folder.task)
    if "model" not in task:
        raise UserError(
            "this run is not finished",
            where=str(path),
            hint=f"go on with `ft run --resume {path}`",
        )
    trust = {"run.trust_remote_code": trust_remote_code}
    resolved = resolve(None, file=folder.config, values=trust)
    made_with.compare(folder, resolved, reporter.note, strict=strict)
    schema, states = _parts(folder, task)
    for change in made_with.changed_settings(task["settings"], resolved).values():
        reporter.note(change)
    check_model(folder, task["model"])
    run = restored_run(resolved, folder, reporter)
    run.data = TaskData(DatasetDict(), schema)
    for member in run.hooks.members:
        member.plugin.load_state_dict(states.get(member.name, {}))
    run.model = build_model(run, run.data)
    if run.device.type == "cpu":
        make_lean(run.model, rows=False)
    run.model.eval()
    return run


def _parts(folder: RunFolder, task: Mapping[str, Any]) -> tuple[Schema, Mapping[str, Any]]:
    """The schema, and the state of each plugin.

    Raises:
        DataError: they, or the settings and hashes beside them, are nothing that ft writes.
    """
    try:
        if not all(isinstance(task[key], Mapping) for key in ("settings", "model", "plugins")):
            raise TypeError("no tables of settings, plugins and files")
        return Schema.from_json(task["schema"]), task["plugins"]
    except Exception as error:
        raise DataError(
            f"this is not what ft writes ({type(error).__name__}: {error})", where=str(folder.task)
        ) from error


def predict(
    path: Path,
    requests: Iterable[str | Mapping[str, Any]],
    reporter: Reporter,
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
) -> Iterator[dict[str, Any]]:
    """Predict texts or rows with the model of a run folder, in their order.

    ``strict``, ``trust_remote_code`` and ``trust_plugins`` are those of `open_run`.
    """
    run = open_run(
        path,
        reporter,
        strict=strict,
        trust_remote_code=trust_remote_code,
        trust_plugins=trust_plugins,
    )
    done = 0
    for chunk in _together(requests):
        with paused(), run.answering(PREDICT):
            rows = [read(run, request, done + i) for i, request in enumerate(chunk)]
            predictions = predict_examples(run, as_examples(rows))
        for row, prediction in zip(rows, predictions, strict=True):
            yield {**row, **prediction}
        done += len(chunk)
        reporter.progress("predict", done, 0)


def _together(
    requests: Iterable[str | Mapping[str, Any]],
) -> Iterator[list[str | Mapping[str, Any]]]:
    """The requests that are answered together."""
    chunk: list[str | Mapping[str, Any]] = []
    size = 0
    for request in requests:
        chunk.append(request)
        size += len(str(request))
        if len(chunk) == REQUESTS or size >= CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def evaluate(
    path: Path,
    data: str | None,
    split: str,
    reporter: Reporter,
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
) -> Result:
    """Score the model of a run folder on a split of its data, or on other data.

    Args:
        path: the run folder.
        data: a file to score in place of the run's own split; ``None`` for the split itself.
        split: ``validation``, ``test``, or another that the task's own data has.
        reporter: is told what happens.
        strict: refuse other plugins than the run was made with.
        trust_remote_code: run code that the model's folder brings.
        trust_plugins: run plugin files that the run names, though it was not made here.

    Raises:
        UserError: there is no such run or split.
        DataError: the data is wrong, or of another kind than the model was trained on.
    """
    run = open_run(
        path,
        reporter,
        strict=strict,
        trust_remote_code=trust_remote_code,
        trust_plugins=trust_plugins,
    )
    assert run.data is not None
    schema = run.data.schema
    if data is not None:
        for member in run.hooks.members:
            if split in type(member.plugin.config).model_fields:
                member.plugin.config = member.plugin.config.model_copy(update={split: data})
    own = next((name for name in SPLITS if name == split), None)
    if own is None and data is not None:
        raise UserError(
            f"--data cannot stand in for the split '{split}', which has no setting of its own",
            hint="leave out --split, or --data",
        )
    run.wanted = own
    loaded = load_data(run)
    for note in loaded.notes:
        run.note(note)
    _check_alike(loaded.schema, schema, data or split)
    loaded.schema = schema
    run.data = loaded
    if split not in loaded.splits:
        raise UserError(
            f"the run has no {split} split", hint="give --data FILE, or another --split"
        )
    if split == POOL:
        raise UserError("the pool has no gold answers to score", hint="give another --split")
    result = Result(path, {})
    name = split if data is None else f"{split}-{Path(data).stem}"
    with joined(run.accelerator) as run.ranks:
        score(run, run_folder(path, run.ranks), split, result, name)
    reporter.finish(result)
    return result


def _check_alike(found: Schema, trained: Schema, where: str) -> None:
    """Refuse tags that mark spans where the model's do not, or the other way round."""
    if not (found.words and trained.words) or found.words.scheme == trained.words.scheme:
        return
    kinds = [
        f"are in {one.scheme}" if one.scheme else "mark no spans"
        for one in (found.words, trained.words)
    ]
    raise DataError(
        f"the tags {kinds[0]}, and those that the model was trained on {kinds[1]}",
        where=where,
        hint="is it the right file, and are the tags read from the right column?",
    )
