"""What the command line and `ft.run` call: train, explain, predict, evaluate."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from accelerate.utils import set_seed

from ft.builtin.frozen import freeze_outputs
from ft.builtin.processor.lean import make_lean
from ft.config.resolve import Resolved
from ft.config.write import to_toml
from ft.contract.errors import FtError
from ft.contract.results import Result, scores
from ft.data.rows.fingerprints import fingerprint
from ft.engine.batch.features import training_features
from ft.engine.batch.inference import predict_split
from ft.engine.device import make_accelerator
from ft.engine.loop import Loop
from ft.engine.optim.custom import CustomOptimizer
from ft.engine.optim.depths import freeze
from ft.engine.optim.optim import Optimizer
from ft.engine.outcome import finished, save_model, score, task_json, verify_saved
from ft.engine.predict import evaluate, predict
from ft.engine.randomness import sole_run
from ft.engine.ranks import state as rank_state
from ft.engine.ranks.bystander import run_folder
from ft.engine.ranks.interrupt import terminable
from ft.engine.ranks.ranks import joined
from ft.engine.resume import changes as resume_changes
from ft.engine.resume import made_with, record
from ft.engine.resume.changes import History
from ft.engine.run import LiveRun
from ft.engine.setup import (
    build_model,
    check_alike,
    default_output,
    explain,
    lint_data,
    load_data,
    make_hooks,
    model_path,
)
from ft.hooks.trace import Trace
from ft.runfolder import origin, untrusted
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from ft.reporters.reporter import Reporter

__all__ = ["Result", "evaluate", "explain", "predict", "train"]


def train(
    resolved: Resolved,
    *,
    output: Path | None = None,
    resume: Path | None = None,
    reporter: Reporter,
    trace: Path | None = None,
    strict: bool = False,
    allow_changed: bool = False,
) -> Result:
    """Train, evaluate and save; the whole of ``ft run``.

    Args:
        resolved: plugins and settings; those of the run itself when it is resumed.
        output: the run's folder; by default a new one under ``runs``.
        resume: the folder of a run to go on with.
        reporter: is told what happens.
        trace: a file that takes a trace of every hook call.
        strict: refuse to resume where anything is not as it was, even what changes no result.
        allow_changed: resume whatever has changed.

    Raises:
        FtError: what went wrong, in words.
    """
    started = perf_counter()
    accelerator = make_accelerator(resolved.run)
    with sole_run(), terminable(), joined(accelerator) as ranks:
        place = resume or output or ranks.from_main(lambda: default_output(resolved))
        folder = run_folder(place, ranks)
        if resume and (done := finished(folder)):
            return _say_finished(done, reporter)
        path = model_path(resolved, reporter)
        run = LiveRun(
            resolved.run, folder.path, path, accelerator, reporter, predict_split, ranks=ranks
        )
        history: History | None = None
        tracer = None
        if trace and ranks.main:
            tracer = Trace(trace, lambda: {"epoch": run.epoch, "step": run.step})
        try:
            run.hooks = make_hooks(resolved, run, tracer)
            for note in run.hooks.notes:
                run.note(note)
            if resume:
                made_with.require_secrets(resolved)
                folder.lock()
                history = History.read(folder, run, allow=allow_changed, strict=strict)
                history.before_data(run, resolved)
            else:
                untrusted.refuse_plugins(
                    folder.path, [one.spec for one in resolved.plugins], "--plugins"
                )
                folder.create()
                origin.mark(folder.path, [one.spec for one in resolved.plugins])
            if history is None or history.changes:
                folder.write_text(folder.config, to_toml(resolved))
            made_with.keep(folder, resolved)
            return _train(run, resolved, folder, history, started)
        except (Exception, KeyboardInterrupt) as error:
            if folder.task.exists() and not isinstance(error, FtError):
                error.add_note(
                    f"go on from the last checkpoint with `ft run --resume {folder.path}`"
                )
            folder.discard()
            raise
        finally:
            folder.release()
            if tracer is not None:
                reporter.note(tracer.close())


def _report(folder: RunFolder, reporter: Reporter) -> None:
    """Write the page for people; the run is done and does not fail for it."""
    try:
        from ft.builtin.report.build import write_report

        write_report(folder.path)
    except Exception as error:
        reporter.note(f"no report.html: {type(error).__name__}: {error}")


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


def _train(
    run: LiveRun,
    resolved: Resolved,
    folder: RunFolder,
    history: History | None,
    started: float,
) -> Result:
    reporter = run.reporter
    reporter.phase("data", "reading and checking")
    with run.ranks.main_first():
        data = run.data = load_data(run)
    for note in data.notes:
        run.note(note)
    findings = lint_data(run, data) if run.ranks.main else []
    fingerprints = fingerprint(data)
    check_alike(run, fingerprints)
    made = resume_changes.made(run)
    if history is not None:
        history.with_data(run, fingerprints, made)
    set_seed(resolved.run.seed)
    reporter.phase("model", run.model_path)
    model = run.model = build_model(run, data)
    frozen = freeze(model, resolved.run.freeze)
    if frozen:
        whole = sum(parameter.numel() for parameter in model.parameters())
        run.note(
            f"run.freeze = {resolved.run.freeze}: {frozen:,} of {whole:,} parameters do not learn"
        )
    custom = run.hooks.customised("build_optimizer")
    if run.device.type == "cpu":
        # Processes add up gradients that are all of one shape.
        make_lean(model, rows=run.accelerator.num_processes == 1 and not custom)
    run.ranks.equalise(model)
    optimizer = CustomOptimizer(run) if custom else Optimizer(model, resolved.run)
    reporter.phase("encode")
    with run.ranks.main_first():
        features = training_features(run, data.splits["train"], fingerprints["train"])
    kept = freeze_outputs(run, features)
    loop = Loop(run, features, optimizer, folder)
    if kept is not None:
        loop.checkpoints.constant = kept.constant(model)
    loop.checkpoints.require_space(model, optimizer)
    if history is None or not loop.resume():
        run.hooks.tell("on_run_start", run=run)
        rank_state.begin(run)
    changes = history.at(loop.progress.step) if history is not None else []
    made = {**made, "changes": changes}
    setup_seconds = perf_counter() - started
    task = task_json(run, data, resolved, fingerprints, made)
    folder.write_sealed(folder.task, task)
    run.ranks.way_on = (
        f"go on with `ft run --resume {folder.path}`, in as many processes as you like"
    )
    reporter.phase("train", f"{run.total_steps} steps")
    loop.train()
    progress, best_step, checkpoints = loop.progress, loop.best_step, loop.checkpoints
    del loop, optimizer  # what they keep makes room for the best weights
    with run.ranks.main_first():
        best = checkpoints.load_best(best_step, model)
    reporter.phase("evaluate")
    result = Result(folder.path, {})
    for split in data.scored(final=True):
        score(run, folder, split, result, at=best and (best["step"], best["epoch"]))
        values = scores(f"final/{split}", result.metrics[split])
        run.hooks.tell("on_log", run=run, step=run.step, values=values)
    if kept is not None:
        kept.remove()
    if not run.ranks.main:
        run.ranks.wait_for_main()
        run.hooks.tell("on_run_end", run=run)
        return result
    hashes = save_model(run, folder)
    verify_saved(run, resolved, folder, data)
    task = task_json(run, data, resolved, fingerprints, made)
    folder.write_sealed(folder.task, {**task, "model": hashes})
    result.record = {
        "plugins": record.plugin_rows(resolved),
        "chains": {hook: run.hooks.describe(hook) for hook in run.hooks.names("chain")},
        "libraries": record.library_versions(),
        "machine": record.machine(run),
        "model": record.model_row(run),
        "data": record.splits_row(run, fingerprints),
        "seed": resolved.run.seed,
        "notes": run.notes,
        "changes": changes,
        "findings": findings,
        "stops": run.stops,
        "best": best,
        "main": result.main,
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
            split: {name: metric.to_json() for name, metric in metrics.items()}
            for split, metrics in result.metrics.items()
        },
    }
    run.ranks.wait_for_main()
    run.hooks.tell("on_run_end", run=run)
    folder.write(folder.record, result.record)
    if resolved.run.report:
        _report(folder, reporter)
    reporter.finish(result)
    return result
