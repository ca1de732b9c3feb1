"""What the command line and `ft.run` call: train, explain, predict, evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from accelerate.utils import set_seed

from ft.config import Resolved, to_toml
from ft.data import fingerprint
from ft.engine import provenance, record
from ft.engine.device import make_accelerator
from ft.engine.features import training_features
from ft.engine.folder import RunFolder
from ft.engine.loop import Loop
from ft.engine.optim import Optimizer, freeze
from ft.engine.outcome import Result, finished, save_model, score, task_json, verify_saved
from ft.engine.run import Run
from ft.engine.setup import (
    build_model,
    default_output,
    explain,
    lint_data,
    load_data,
    make_hooks,
    model_path,
)
from ft.engine.use import evaluate, predict
from ft.errors import DataError, FtError
from ft.trace import Trace

if TYPE_CHECKING:
    from ft.reporter import Reporter

__all__ = ["Result", "evaluate", "explain", "predict", "train"]


def train(
    resolved: Resolved,
    *,
    output: Path | None = None,
    resume: Path | None = None,
    reporter: Reporter,
    trace: Path | None = None,
    strict: bool = False,
) -> Result:
    """Train, evaluate and save; the whole of ``ft run``.

    Args:
        resolved: plugins and settings; those of the run itself when it is resumed.
        output: the run's folder; by default a new one under ``runs``.
        resume: the folder of a run to go on with.
        reporter: is told what happens.
        trace: a file that takes a trace of every hook call.
        strict: refuse to resume with other plugins than the run was made with.

    Raises:
        FtError: what went wrong, in words.
    """
    started = perf_counter()
    folder = RunFolder(resume or output or default_output(resolved))
    if resume and (done := finished(folder)):
        return _say_finished(done, reporter)
    path = model_path(resolved, reporter)
    run = Run(resolved.run, folder.path, path, make_accelerator(resolved.run), reporter)
    began: Mapping[str, Any] | None = None
    tracer = Trace(trace, lambda: {"epoch": run.epoch, "step": run.step}) if trace else None
    try:
        run.hooks = make_hooks(resolved, run, tracer)
        for note in run.hooks.notes:
            run.note(note)
        if resume:
            folder.lock()
            provenance.compare(folder, resolved, run.note, strict=strict)
            began = _beginning(run, folder, resolved)
        else:
            folder.create()
            folder.write_text(folder.config, to_toml(resolved))
        provenance.keep(folder, resolved)
        return _train(run, resolved, folder, began, started)
    except (Exception, KeyboardInterrupt) as error:
        if folder.task.exists() and not isinstance(error, FtError):
            error.add_note(f"go on from the last checkpoint with `ft run --resume {folder.path}`")
        raise
    finally:
        folder.release()
        if tracer is not None:
            reporter.note(tracer.close())


def _say_finished(result: Result, reporter: Reporter) -> Result:
    """A finished run is left as it is, also if its checkpoints were deleted since."""
    reporter.note(
        "this run is finished already and is left as it is; to train its model further, start a "
        f"new run with --model {result.output / 'model'}"
    )
    for split, metrics in result.metrics.items():
        reporter.evaluation(
            result.record.get("steps", 0), result.record.get("epoch", 0), split, metrics, False
        )
    reporter.finish(result)
    return result


def _beginning(run: Run, folder: RunFolder, resolved: Resolved) -> Mapping[str, Any]:
    """What a run that is resumed was begun with; says what is not the same now."""
    try:
        began = folder.read_sealed(folder.task)
    except DataError as error:
        if folder.task.exists():
            run.note(f"{folder.task}: {error.what}; it is written again")
        return {}
    for change in provenance.changed_settings(began["settings"], resolved):
        run.note(change)
    return began


def _train(
    run: Run,
    resolved: Resolved,
    folder: RunFolder,
    began: Mapping[str, Any] | None,
    started: float,
) -> Result:
    reporter = run.reporter
    reporter.phase("data", "reading and checking")
    data = run.data = load_data(run)
    for note in data.notes:
        run.note(note)
    findings = lint_data(run, data)
    fingerprints = fingerprint(data)
    if began and "data" in began:
        provenance.check_data(began["data"], fingerprints, run.note)
    set_seed(resolved.run.seed)
    reporter.phase("model", run.model_path)
    model = run.model = build_model(run, data)
    frozen = freeze(model, resolved.run.freeze)
    optimizer = Optimizer(model, resolved.run)
    reporter.phase("encode")
    features = training_features(run, data.splits["train"], fingerprints["train"])
    loop = Loop(run, features, optimizer, folder)
    if began is None or not loop.resume():
        run.hooks.tell("on_run_start", run=run)
    setup_seconds = perf_counter() - started
    folder.write_sealed(folder.task, task_json(run, data, resolved, fingerprints))
    reporter.phase("train", f"{run.total_steps} steps")
    loop.train()
    best = loop.checkpoints.load_best(loop.best_step, model)
    reporter.phase("evaluate")
    result = Result(folder.path, {})
    for split in ("validation", "test"):
        if split in data.splits:
            score(run, folder, split, result)
    hashes = save_model(run, folder)
    verify_saved(run, resolved, folder, data)
    task = task_json(run, data, resolved, fingerprints)
    folder.write_sealed(folder.task, {**task, "model": hashes})
    progress = loop.progress
    result.record = {
        "plugins": record.plugin_rows(resolved),
        "chains": {hook: run.hooks.describe(hook) for hook in run.hooks.names("chain")},
        "libraries": record.library_versions(),
        "machine": record.machine(run),
        "model": record.model_row(run),
        "data": record.splits_row(run, fingerprints),
        "seed": resolved.run.seed,
        "notes": run.notes,
        "findings": findings,
        "stops": run.stops,
        "best": best,
        "epoch": run.epoch,
        "steps": progress.step,
        "parameters": sum(p.numel() for p in model.parameters()),
        "frozen_parameters": frozen,
        "tokens": progress.tokens,
        "padding": 1 - progress.tokens / max(1, progress.padded),
        "forwards_per_step": run.hooks.forwards(),
        "setup_seconds": round(setup_seconds, 3),
        "train_seconds": round(progress.train_seconds, 3),
        "total_seconds": round(perf_counter() - started, 3),
        "costs": run.hooks.ledger.summary(),
        "peak_memory": record.peak_memory(run),
        "metrics": {
            split: {name: asdict(metric) for name, metric in metrics.items()}
            for split, metrics in result.metrics.items()
        },
    }
    run.hooks.tell("on_run_end", run=run)
    folder.write(folder.record, result.record)
    reporter.finish(result)
    return result
