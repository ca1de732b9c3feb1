"""The whole of a training run, from its settings to its sealed record."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from accelerate.utils import set_seed

from ft.config.resolve import Resolved
from ft.config.write import to_toml
from ft.contract.duration import seconds_of
from ft.contract.errors import FtError
from ft.contract.paths import without_folders
from ft.contract.results import Result, scores
from ft.data.rows.fingerprints import fingerprint
from ft.data.shown import what_was_read
from ft.engine.batch.features import training_features
from ft.engine.batch.inference import predict_split
from ft.engine.device import make_accelerator
from ft.engine.loop import Loop
from ft.engine.metric import look_ahead
from ft.engine.optim.cast import forget_casts
from ft.engine.optim.custom import CustomOptimizer
from ft.engine.optim.depths import freeze
from ft.engine.optim.optim import Optimizer
from ft.engine.outcome import finished, score, task_json
from ft.engine.predict import load_trained
from ft.engine.randomness import sole_run
from ft.engine.ranks import state as rank_state
from ft.engine.ranks.bystander import run_folder
from ft.engine.ranks.interrupt import terminable
from ft.engine.ranks.ranks import joined
from ft.engine.record import own_paths, run_record
from ft.engine.resume import changes as resume_changes
from ft.engine.resume import made_with
from ft.engine.resume.changes import History
from ft.engine.resume.state import plugin_tensors
from ft.engine.run import LiveRun
from ft.engine.saved import save_model, try_saving, verify_saved
from ft.engine.setup import (
    Builtin,
    build_model,
    check_alike,
    default_output,
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


def train(
    resolved: Resolved,
    builtin: Builtin,
    *,
    output: Path | None = None,
    resume: Path | None = None,
    reporter: Reporter,
    trace: Path | None = None,
    strict: bool = False,
    allow_changed: bool = False,
    began: float | None = None,
) -> Result:
    """Train, evaluate and save; the whole of ``ft run``.

    Args:
        resolved: plugins and settings; those of the run itself when it is resumed.
        builtin: the plugins that ft brings itself.
        output: the run's folder; by default a new one under ``runs``.
        resume: the folder of a run to go on with.
        reporter: is told what happens.
        trace: a file that takes a trace of every hook call.
        strict: refuse to resume where anything is not as it was, even what changes no result.
        allow_changed: resume whatever has changed.
        began: when the command began, on `perf_counter`; by default now.

    Raises:
        FtError: what went wrong, in words.
    """
    started = perf_counter() if began is None else began
    accelerator = make_accelerator(resolved.run)
    with sole_run(), terminable(), joined(accelerator) as ranks:
        place = resume or output or ranks.from_main(lambda: default_output(resolved))
        folder = run_folder(place, ranks)
        if resume and (done := finished(folder)):
            return _say_finished(done, reporter)
        path = model_path(resolved, reporter)
        run = LiveRun(
            resolved.run,
            folder.path,
            path,
            accelerator,
            reporter,
            predict_split,
            load_trained,
            ranks=ranks,
        )
        if resolved.run.time_limit:
            run.deadline = started + seconds_of(resolved.run.time_limit)
        history: History | None = None
        tracer = None
        if trace and ranks.main:
            tracer = Trace(trace, lambda: {"epoch": run.epoch, "step": run.step})
        try:
            run.hooks = make_hooks(resolved, builtin, run, tracer)
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
                if ranks.main:
                    origin.mark(folder.path, [one.spec for one in resolved.plugins])
            if history is None or history.changes:
                folder.write_text(folder.config, to_toml(resolved))
            made_with.keep(folder, resolved)
            return _train(run, resolved, builtin, folder, history, started)
        except (Exception, KeyboardInterrupt) as error:
            if any(folder.checkpoints.glob("step-*")) and not isinstance(error, FtError):
                error.add_note(
                    f"go on from the last checkpoint with `ft run --resume {folder.path}`"
                )
            folder.discard()
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


def _train(
    run: LiveRun,
    resolved: Resolved,
    builtin: Builtin,
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
    shown = what_was_read(data) if run.ranks.main else []
    reporter.read(shown)
    # The user's own rows: what a technique has added is not the user's to mend.
    findings = lint_data(run, run.hooks.read or data) if run.ranks.main else []
    fingerprints = fingerprint(data)
    check_alike(run, fingerprints)
    made = resume_changes.made(run)
    if history is not None:
        history.with_data(run, fingerprints, made)
    set_seed(resolved.run.seed)
    reporter.phase("model", run.model_path)
    # What is loaded comes in `eval` mode, so from here on the mode is the same in every hook.
    model = run.model = build_model(run, data).train()
    frozen = freeze(model, resolved.run.freeze)
    if frozen:
        whole = sum(parameter.numel() for parameter in model.parameters())
        run.note(
            f"run.freeze = {resolved.run.freeze}: {frozen:,} of {whole:,} parameters do not learn"
        )
    custom = run.hooks.customised("build_optimizer")
    run.ranks.equalise(model)
    optimizer = CustomOptimizer(run) if custom else Optimizer(model, resolved.run)
    learned = {id(parameter) for parameter in optimizer.parameters}
    frozen = sum(p.numel() for p in model.parameters() if id(p) not in learned)
    reporter.phase("encode")
    with run.ranks.main_first():
        features = training_features(run, data, fingerprints)
    trial_seconds = 0.0
    with run.ranks.main_first():
        if run.ranks.main and not (history and history.trained):
            trial_seconds = try_saving(run, resolved, builtin, features)
    run.hooks.tell("on_features", run=run, features=features.train)
    if history is None:
        look_ahead(run)
    loop = Loop(run, features, optimizer, folder, started, trial_seconds)
    if history is None or not loop.resume():
        run.hooks.tell("on_run_start", run=run)
        rank_state.begin(run)
    extra = plugin_tensors(run) if run.ranks.main else {}
    loop.checkpoints.require_space(optimizer, extra)
    del extra
    changes = history.at(loop.progress.step) if history is not None else []
    made = {**made, "changes": changes}
    setup_seconds = perf_counter() - started

    def write_task(**more: Any) -> None:
        task = task_json(run, data, resolved, fingerprints, made)
        folder.write_sealed(folder.task, {**task, **more})

    write_task()
    run.on_use = write_task
    run.ranks.way_on = (
        f"go on with `ft run --resume {folder.path}`, in as many processes as you like"
    )
    reporter.phase("train", f"{run.total_steps} steps")
    loop.train()
    if loop.progress.best_step is None:
        loop.validation.take_weights()
    progress, checkpoints = loop.progress, loop.checkpoints
    forget_casts(model)
    del loop, optimizer  # what they keep makes room for the best weights
    with run.ranks.main_first():
        best = checkpoints.load_best(progress.best_step)
    reporter.phase("evaluate")
    result = Result(folder.path, {})
    for split in data.scored(final=True):
        score(run, folder, split, result, at=best and (best["step"], best["epoch"]))
        values = scores(f"final/{split}", result.metrics[split])
        run.hooks.tell("on_log", run=run, step=run.step, values=values)
    if run.ranks.main:
        hashes = save_model(run, folder)
        verify_saved(run, resolved, builtin, folder, features)
        write_task(model=hashes)
        result.record = run_record(run, resolved, fingerprints, progress, result)
        result.record |= {
            "changes": changes,
            "read": shown,
            "findings": findings,
            "best": best,
            "frozen_parameters": frozen,
            "trial_seconds": round(trial_seconds, 3),
            "setup_seconds": round(setup_seconds, 3),
        }
        _seal(run, resolved, folder, result, started)
    run.ranks.wait_for_main()
    run.hooks.tell("on_run_end", run=run)
    if run.ranks.main:
        reporter.finish(result)
    return result


def _seal(
    run: LiveRun, resolved: Resolved, folder: RunFolder, result: Result, started: float
) -> None:
    """Write the record, have made what is made from it, and seal it with what that cost."""

    def spent() -> dict[str, Any]:
        return {
            **run.added,
            "notes": run.notes,
            "costs": run.hooks.ledger.summary(),
        }

    paths = own_paths(run, resolved)
    whole = {**result.record, **spent(), "total_seconds": round(perf_counter() - started, 3)}
    result.record = without_folders(whole, paths)
    folder.write(folder.record, result.record)
    run.hooks.tell("on_record", run=run)
    result.record = without_folders({**result.record, **spent()}, paths)
    folder.write_sealed(folder.record, result.record)
