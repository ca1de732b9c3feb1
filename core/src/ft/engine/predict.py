"""Open a finished run: to predict, to score other data, to use its model in another run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.config.resolve import resolve
from ft.contract.errors import DataError, UserError
from ft.contract.results import Result
from ft.contract.schema import Schema
from ft.engine.answer import answers
from ft.engine.randomness import undisturbed_random
from ft.engine.resume import made_with
from ft.engine.run import LiveRun
from ft.engine.saved import check_model, restored_run
from ft.engine.setup import Builtin
from ft.engine.trained import LiveTrained, evaluate_run
from ft.runfolder import untrusted
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ft.reporters.reporter import Reporter


def open_run(
    path: Path,
    reporter: Reporter,
    builtin: Builtin,
    *,
    accelerator: Accelerator | None = None,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
) -> LiveRun:
    """Load a finished run for prediction: plugins, schema, model.

    Args:
        path: the run's folder.
        reporter: is told where the plugins differ from those that the run was made with.
        builtin: the plugins that ft brings itself.
        accelerator: says on which device the model is; by default the run's settings do.
        strict: refuse where they do.
        trust_remote_code: run code that the model's folder brings; what the run was made with
            does not count.
        trust_plugins: run plugin files that the run names, though it was not made here.

    Raises:
        UserError: there is no finished run in the folder, or its plugins are refused.
    """
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
    return restored_run(
        resolved, builtin, folder.model, schema, states, reporter, load_trained, accelerator
    )


def load_trained(run: LiveRun, path: Path) -> LiveTrained:
    """The model of another run, on the device of this one; it does not learn."""
    builtin = {member.name: type(member.plugin) for member in run.hooks.builtin}
    with undisturbed_random():
        opened = open_run(path, run.reporter, builtin, accelerator=run.accelerator)
    trained = LiveTrained(opened, path)
    trained.model.requires_grad_(False)
    return trained


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
    requests: Iterable[Any],
    reporter: Reporter,
    builtin: Builtin,
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
    skip: bool = False,
) -> Iterator[dict[str, Any]]:
    """Predict texts or rows with the model of a run folder, in their order.

    ``builtin``, ``strict``, ``trust_remote_code`` and ``trust_plugins`` are those of `open_run`;
    ``requests`` and ``skip`` those of `answers`.
    """
    run = open_run(
        path,
        reporter,
        builtin,
        strict=strict,
        trust_remote_code=trust_remote_code,
        trust_plugins=trust_plugins,
    )
    yield from answers(run, requests, skip=skip)


def evaluate(
    path: Path,
    data: str | None,
    split: str,
    reporter: Reporter,
    builtin: Builtin,
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
) -> Result:
    """Score the model of a run folder on a split of its data, or on other data.

    Args:
        path: the run folder.
        data: a file to score in place of the run's own split; ``None`` for the split itself.
        split: ``validation``, ``test``, or another that the task or a technique brings.
        reporter: is told what happens.
        builtin: the plugins that ft brings itself.
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
        builtin,
        strict=strict,
        trust_remote_code=trust_remote_code,
        trust_plugins=trust_plugins,
    )
    return evaluate_run(run, path, data, split)
