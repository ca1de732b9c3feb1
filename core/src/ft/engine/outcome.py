"""What a run leaves: scores, predictions, and a model that comes back as it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from ft.config.resolve import Resolved
from ft.contract.draws import to_bytes
from ft.contract.errors import DataError, TrainingError
from ft.contract.files import PARTIAL, file_hash, flush, remove
from ft.contract.model import quiet_transformers
from ft.contract.results import Metric, Result
from ft.contract.schema import TaskData
from ft.engine.batch.inference import measure, predict_split
from ft.engine.device import make_accelerator
from ft.engine.resume import made_with
from ft.engine.resume.checkpoint import plugin_state, weights
from ft.engine.run import LiveRun
from ft.engine.setup import build_model, make_hooks
from ft.runfolder.examples import example_rows
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from ft.reporters.reporter import Reporter


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
        "plugins": {member.name: plugin_state(member) for member in run.hooks.members},
    }


def save_model(run: LiveRun, folder: RunFolder) -> dict[str, str]:
    """Write the model and its tokenizer or image processor as ``save_pretrained`` does, whole or not at all.

    Returns:
        The hash of every file.

    Raises:
        TrainingError: the disk is full or not writable.
    """
    model: Any = run.model
    partial = folder.path / f".model{PARTIAL}"
    try:
        remove(partial)
        with quiet_transformers():
            model.save_pretrained(partial)
            if run.processor is not None:
                run.processor.save_pretrained(partial)
        for path in [*partial.rglob("*"), partial]:
            if path.is_file():
                path.chmod(folder.config.stat().st_mode & 0o666)
            flush(path)
        remove(folder.model)
        partial.rename(folder.model)
    except (OSError, SafetensorError) as error:
        remove(partial)
        raise TrainingError(
            f"cannot write the model: {error}",
            where=str(folder.model),
            hint=f"free some space, then go on with `ft run --resume {folder.path}`",
        ) from error
    return {
        str(path.relative_to(folder.model)): file_hash(path)
        for path in sorted(folder.model.rglob("*"))
        if path.is_file()
    }


def check_model(folder: RunFolder, hashes: Mapping[str, str]) -> None:
    """Compare the files of the saved model with what was written.

    Raises:
        DataError: one is missing or not the same.
    """
    for name, wanted in hashes.items():
        path = folder.model / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"names a file outside of the model: {name}", where=str(folder.task))
        if not path.is_file() or file_hash(path) != wanted:
            raise DataError(
                "not as the run wrote it" if path.is_file() else "missing from the run's model",
                where=str(path),
                hint=f"put back a copy of it; or, while {folder.checkpoints} is there, delete "
                f"{folder.record} and `ft run --resume {folder.path}` writes the model again",
            )


def verify_saved(run: LiveRun, resolved: Resolved, folder: RunFolder, data: TaskData) -> None:
    """Load the saved model again and compare every weight with the trained one.

    Raises:
        TrainingError: something was not saved or comes back different.
    """
    assert run.model is not None
    loaded = restored_run(resolved, folder, run.reporter)
    again = build_model(loaded, data)
    ours, theirs = weights(run.model), weights(again)
    different = [
        name
        for name in ours
        if name not in theirs or not torch.equal(ours[name].cpu(), theirs[name].cpu())
    ]
    if different:
        provider, _ = run.hooks.parts("build_head")
        raise TrainingError(
            f"the saved model does not come back as it was trained: {', '.join(different[:3])}",
            where=str(folder.model),
            who=f"plugin {provider.owner}",
            hint="build_head must load what save_pretrained wrote when run.restored is true; "
            f"the trained weights are in {folder.checkpoints}",
        )


def finished(folder: RunFolder) -> Result | None:
    """The result of a run that is finished; ``None`` where something is left to do."""
    if not folder.record.exists():
        return None
    try:
        told = folder.read(folder.record)
        metrics = {
            split: {name: Metric(**values) for name, values in scores.items()}
            for split, scores in told["metrics"].items()
        }
    except (DataError, KeyError, TypeError, AttributeError):
        # A damaged record is made again from the last checkpoint.
        return None
    return Result(folder.path, metrics, [], told, told.get("main"))


def restored_run(resolved: Resolved, folder: RunFolder, reporter: Reporter) -> LiveRun:
    """A run that loads the trained model of a run folder."""
    run = LiveRun(
        resolved.run,
        folder.path,
        str(folder.model),
        make_accelerator(resolved.run),
        reporter,
        predict_split,
        restored=True,
    )
    run.hooks = make_hooks(resolved, run)
    return run
