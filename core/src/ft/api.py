"""The run in two lines of Python; what the command line does, without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from ft.engine.collector import rarely
from ft.reporters.reporter import Reporter
from ft.runfolder.hub import local_run

if TYPE_CHECKING:
    from ft.contract.results import Result
    from ft.contract.run import Trained


@rarely()
def run(
    plugins: Sequence[str] | None = None,
    *,
    config: str | Path | None = None,
    output: str | Path | None = None,
    resume: str | Path | None = None,
    trace: str | Path | None = None,
    strict: bool = False,
    allow_changed: bool = False,
    trust_plugins: bool = False,
    quiet: bool = True,
    **settings: Any,
) -> Result:
    """Fine-tune a model, as ``ft run`` does.

    ``ft.run(["ner", "augment"], ner={"train": "train.conll"}, epochs=5)``

    Args:
        plugins: a task, then techniques: names, ``./file.py``, ``package.module:Class``;
            ``None`` takes those that ``config`` names.
        config: a TOML file with settings.
        output: the run's folder; by default a new one under ``runs``.
        resume: the folder of a run to go on with; it brings its plugins and settings.
        trace: a file that takes a Chrome trace of every hook call.
        strict: refuse to resume where anything is not as it was, even what changes no result.
        allow_changed: resume though data, plugins, settings or libraries are not what they were.
        trust_plugins: run plugin files that a resumed run names, though it was not made here.
        quiet: print nothing; else what the command line prints.
        settings: settings of the run by name (``epochs=3``), and a mapping a plugin
            (``ner={"train": ...}``). They win over those in ``config``. Where a plugin's setting
            takes a file, a DataFrame, a `datasets.Dataset` or a list of mappings does as well.

    Raises:
        ft.UserError: a plugin, a setting or the data is wrong.
        ft.TrainingError: training failed.
    """
    began = perf_counter()
    from ft.builtin import builtin
    from ft.config.resolve import resolve, source_file

    target, resumed = _path(output), _path(resume)
    file = source_file(
        plugins, _path(config), target, resumed, prefix="", trust_plugins=trust_plugins
    )
    if isinstance(plugins, str):
        plugins = [plugins]
    values = {
        name if isinstance(value, Mapping) else f"run.{name}": _settings(name, value)
        for name, value in settings.items()
    }
    labels = {f"run.{name}": f"argument {name}" for name in settings}
    resolved = resolve(plugins, file=file, values=values, labels=labels)
    reporter = _reporter(quiet)
    try:
        from ft.engine.train import train

        for note in resolved.notes:
            reporter.note(note)
        return train(
            resolved,
            builtin(),
            output=target,
            resume=resumed,
            reporter=reporter,
            trace=_path(trace),
            strict=strict,
            allow_changed=allow_changed,
            began=began,
        )
    finally:
        reporter.close()


def predict(
    run_folder: str | Path,
    inputs: str | Mapping[str, Any] | Path | Iterable[str | Mapping[str, Any]],
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
    on_bad_row: Literal["refuse", "skip"] = "refuse",
) -> list[dict[str, Any]]:
    """Predict with the model of a run.

    Args:
        run_folder: the folder of a finished run, or the name of one on the hub.
        inputs: one text or one mapping, many of them (a list, a ``Dataset``, a table of pandas), or
            the path (a `Path`) of a file: texts, one a line, ``.jsonl``, ``.json``, ``.csv``, ``.tsv``
            or ``.parquet``.
        strict: refuse other plugins (versions, files) than the run was made with.
        trust_remote_code: run code that the model's folder brings; what the run was made with
            does not count.
        trust_plugins: run plugin files that the run names, though it was not made here.
        on_bad_row: an input that is wrong: refuse it, or answer it with ``{"error": ...}``.

    Returns:
        One prediction an input, in the same order.

    Raises:
        ft.UserError: the folder or an input is wrong.
    """
    from ft.builtin import builtin
    from ft.engine.answer import rows_of
    from ft.engine.batch.read_requests import read_requests
    from ft.engine.predict import predict as predict_requests

    requests: Iterable[Any]
    if isinstance(inputs, Path):
        requests = read_requests(inputs)
    elif isinstance(inputs, str | Mapping):
        requests = [inputs]
    else:
        requests = rows_of(inputs)
    folder, reporter = local_run(run_folder), Reporter()
    found = predict_requests(
        folder,
        iter(requests),
        reporter,
        builtin(),
        strict=strict,
        trust_remote_code=trust_remote_code,
        trust_plugins=trust_plugins,
        skip=on_bad_row == "skip",
    )
    return list(found)


@rarely()
def load(
    run_folder: str | Path,
    *,
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
) -> Trained:
    """Load the model of a run and keep it in memory, to predict again and again.

    It has answered an example of its task when it is returned, so that the first request is as fast
    as the next.

    ``model = ft.load("runs/best"); model.predict(["one text", "another"])``

    Args:
        run_folder: the folder of a finished run, or the name of one on the hub.
        strict: refuse other plugins (versions, files) than the run was made with.
        trust_remote_code: run code that the model's folder brings; what the run was made with
            does not count.
        trust_plugins: run plugin files that the run names, though it was not made here.

    Raises:
        ft.UserError: there is no finished run in the folder.
    """
    from ft.builtin import builtin
    from ft.engine.predict import open_run
    from ft.engine.trained import LiveTrained

    folder = local_run(run_folder)
    opened = open_run(
        folder,
        Reporter(),
        builtin(),
        strict=strict,
        trust_remote_code=trust_remote_code,
        trust_plugins=trust_plugins,
    )
    trained = LiveTrained(opened, folder)
    trained.warm()
    return trained


def derive(
    run_folder: str | Path,
    target: str | Path,
    plugins: Sequence[str],
    write: Callable[[Path], None],
    measure: Callable[[Path], Mapping[str, Any]],
) -> None:
    """Make a run folder of a finished run whose model has another form, such as an exported one.

    Settings, schema, plugin states and record are those of the run; nothing is trained. The folder
    appears whole or not at all: where a function raises, there is none.

    Args:
        run_folder: the folder of a finished run, or the name of one on the hub.
        target: the new folder.
        plugins: they are named behind the run's own; one of them provides the `load_model` that
            loads the form.
        write: is called with an empty folder for the model.
        measure: is called with the new run's folder, which can be loaded by then; what it returns
            is added to the record.

    Raises:
        ft.UserError: there is something at ``target``, or no finished run in ``run_folder``.
    """
    from ft.engine.derived import derive as derive_run

    derive_run(local_run(run_folder), Path(target), plugins, write, measure)


@rarely()
def evaluate(
    run_folder: str | Path,
    data: Any = None,
    *,
    split: str = "test",
    strict: bool = False,
    trust_remote_code: bool = False,
    trust_plugins: bool = False,
    quiet: bool = True,
) -> Result:
    """Score the model of a run.

    Args:
        run_folder: the folder of a finished run, or the name of one on the hub.
        data: a file, or rows (a list of mappings, a DataFrame, a `datasets.Dataset`), to score in
            place of the run's own split.
        split: ``validation``, ``test``, or another that the task or a technique brings.
        strict: refuse other plugins (versions, files) than the run was made with.
        trust_remote_code: run code that the model's folder brings; what the run was made with
            does not count.
        trust_plugins: run plugin files that the run names, though it was not made here.
        quiet: print nothing; else what the command line prints.

    Raises:
        ft.UserError: the folder or the data is wrong, or there is no such split.
    """
    from ft.builtin import builtin
    from ft.data.given import is_data, written
    from ft.engine.predict import evaluate as evaluate_run

    reporter = _reporter(quiet)
    try:
        source = None if data is None else written(data, split) if is_data(data) else str(data)
        return evaluate_run(
            local_run(run_folder),
            source,
            split,
            reporter,
            builtin(),
            strict=strict,
            trust_remote_code=trust_remote_code,
            trust_plugins=trust_plugins,
        )
    finally:
        reporter.close()


def _settings(name: str, value: Any) -> Any:
    """Settings with data that was given in Python as the path of a file that holds it."""
    from ft.data.given import is_data, written

    if not isinstance(value, Mapping):
        return value
    return {
        key: written(inner, f"{name}.{key}") if is_data(inner) else inner
        for key, inner in value.items()
    }


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _reporter(quiet: bool) -> Reporter:
    if quiet:
        return Reporter()
    from ft.reporters.choose import choose

    return choose(quiet=False, as_json=False)
