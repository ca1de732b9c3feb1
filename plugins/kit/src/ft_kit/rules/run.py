"""Rules on a whole run: it works, with extreme inputs, in company, and its model works later."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ft.contract.errors import ConfigError, DataError, PluginError, Problems, TrainingError
from ft.hooks.declarations import SCHEMA
from ft.loading.outline import outline_of
from ft_kit.bench import Subject
from ft_kit.contract import Broken, NotApplicable
from ft_kit.edges import Kind
from ft_kit.exam import Exam
from ft_kit.rules.shared import finished, ran, said

CLOSE = 1e-4
"""How far a predicted number may be from another batch's."""


def runs(exam: Exam) -> str:
    """It trains a few steps on a tiny model, evaluates, saves the model and loads it again: a
    technique with the first task of the kit that it does not refuse, or with one whose data has just what
    its `needs_schema` asks for; a task with the data of its `example_settings`.
    """
    missing = exam.subject.kind == "task" and isinstance(
        exam.watched.error, ConfigError | DataError
    )
    hint = (
        "let example_settings write data, or give `ft check --data KEY=VALUE`"
        if missing
        else "run it with `ft run --debug`"
    )
    finished(exam.watched, "the run fails", hint)
    return f"with the task {exam.host.name}" if exam.host else ""


def single(exam: Exam) -> None:
    """A batch may hold one example, as the last one of an epoch does."""
    ran(exam)
    finished(exam.single, "with batches of one it fails", "do not squeeze() the batch dimension")


def empty(exam: Exam) -> str:
    """A text may be empty, and a sentence have no word: in training; a request may be refused."""
    return _edge(exam, "empty", "an empty text")


def longest(exam: Exam) -> str:
    """A text may be longer than the model takes: it is cut, or read in windows."""
    return _edge(exam, "long", "a text longer than the model")


def _edge(exam: Exam, kind: Kind, what: str) -> str:
    import ft

    ran(exam)
    trial, facts = exam.edge(kind)
    finished(trial, f"training on {what} fails", f"test your code with {what}")
    if not facts["kinds"]:
        raise NotApplicable("its schema has no text that could be altered")
    if not facts["requests"]:
        return "in training; the requests of a ranking task have a form of their own"
    try:
        with exam.bench.alone():
            ft.predict(trial.output, facts["requests"])
    except Exception as error:
        if kind == "empty" and isinstance(error, ft.DataError):
            return "in training; a request with nothing in it is refused"
        raise Broken(
            f"prediction of {what} fails: {said(error)}", "see decode and encode"
        ) from error
    return ""


def company(exam: Exam) -> str:
    """A task is tried with every technique of the kit and ft's own, a technique with every task and
    beside every technique, in both orders. A combination may be refused before training by a
    `PluginError` that says why, as what a plugin declares is (`needs_schema`, `after`, ...); a
    technique that it works with in no order is declared in `conflicts`.
    """
    ran(exam)
    worked: dict[str, None] = {}
    refusals: dict[str, str] = {}
    lacking: set[str] = set()

    def together(companies: Iterable[Sequence[Subject]]) -> int:
        """Run them all; how many were not refused."""
        count = 0
        for members in companies:
            order = ",".join(one.name for one in members)
            error = exam.in_company(members).error
            faults = error.errors if isinstance(error, Problems) else [error]
            if error is not None and all(isinstance(one, PluginError) for one in faults):
                refusals[order] = said(error)
                if all(getattr(one, "where", None) == SCHEMA for one in faults):
                    lacking.add(order)
            elif error is not None:
                raise Broken(f"--plugins {order} fails: {said(error)}", "rely on the schema alone")
            else:
                worked.update(dict.fromkeys(one.name for one in members))
                count += 1
        return count

    for number, technique in enumerate(exam.counterparts()):
        if exam.conflict(technique):
            continue
        before = set(refusals)
        if not together(exam.companies(technique, number)) and not together(
            exam.at_home(technique)
        ):
            if set(refusals) - before <= lacking:
                continue
            raise Broken(
                f"it works with {technique.name} in no order: {list(refusals.values())[-1]}",
                "read the schema instead of relying on one task, or declare "
                f'conflicts = ("{technique.name}",)',
            )
    worked.pop(exam.subject.name, None)
    refused = f"; refused: {', '.join(refusals)}" if refusals else ""
    return f"beside {', '.join(worked)}{refused}"


def saved(exam: Exam) -> None:
    """The model that `save_model` writes (by default `save_pretrained`) comes back from `load_model` (by
    default `build_head`, with `run.restored` true): the same weights, or, where it is saved in another
    form, the same outputs. A run tries that before its first step, with noise on every parameter that
    learns, and after training.
    """
    error = exam.watched.error
    hint = "save in save_model all that load_model needs, or let the default do both"
    if isinstance(error, TrainingError) and error.what.startswith("the saved model"):
        raise Broken(error.what, hint)
    ran(exam)


def restored(exam: Exam) -> str:
    """`ft evaluate` and `ft predict` load the model of a finished run in a new process: what
    prediction needs is in the model's folder, the schema, or `state_dict`. The label of an example
    is not there when it is predicted.
    """
    import ft

    trial = ran(exam)
    assert trial.result is not None
    split = "test" if "test" in trial.result.metrics else "validation"
    if split not in trial.result.metrics:
        raise NotApplicable("its data has neither a validation nor a test split")
    before = _items(trial.output, split)
    hint = (
        "let build_head return the saved model when run.restored, and keep the rest in state_dict"
    )
    try:
        with exam.bench.alone():
            again = ft.evaluate(trial.output, split=split)
    except Exception as error:
        raise Broken(f"the finished run cannot be evaluated: {said(error)}", hint) from error
    for name, metric in trial.result.metrics[split].items():
        value = again.metrics[split][name].value
        if not math.isclose(value, metric.value, rel_tol=CLOSE, abs_tol=CLOSE):
            raise Broken(
                f"{name} of the {split} split was {metric.value:.6g}, now {value:.6g}", hint
            )
    place = _unlike(before, _items(trial.output, split))
    if place:
        raise Broken(f"the predictions of the {split} split are others now: {place}", hint)
    return _predict(exam, trial.output, split, before, hint)


def request(exam: Exam) -> str:
    """`request_schema` of the task, or of the plugin that provides `read_request`, has `examples`, which a
    server shows and which warm up a loaded model: every trained model of the task answers each of them, as it comes
    out of JSON. For texts and words the core has them; a task that reads requests itself, other than
    those that name files, gives its own.
    """
    import ft

    if exam.subject.kind != "task":
        raise NotApplicable("it is a technique")
    trial = ran(exam)
    with exam.bench.alone():
        trained = ft.load(trial.output)
        schema = trained.request_schema()
        examples = list(schema.get("examples", ()))
        if not examples:
            if trained.schema.images or "read_request" not in outline_of(type(exam.instance)).hooks:
                raise NotApplicable("its requests name files, or are none of its own")
            raise Broken(
                "it reads requests of its own form, and request_schema gives no example of one",
                'return {"examples": [...], ...} from request_schema',
            )
        hint = "give an example that any trained model answers, not one of this data alone"
        for example in examples:
            try:
                asked = json.loads(json.dumps(example))
            except (TypeError, ValueError) as error:
                raise Broken(f"the example {example!r} is not JSON: {error}", hint) from error
            (answer,) = trained.answer([asked])
            if answer.prediction is None:
                assert answer.error is not None
                raise Broken(f"the example {example!r} is not answered: {said(answer.error)}", hint)
    return ""


def _predict(exam: Exam, run: Path, split: str, before: list[Any], hint: str) -> str:
    """Predict the examples of a split as requests, without their targets."""
    import ft

    requests = _requests(exam, run, split)
    if requests is None:
        return "evaluated again; the requests of a ranking task have a form of their own"
    try:
        with exam.bench.alone():
            answers = ft.predict(run, requests)
    except Exception as error:
        raise Broken(f"the finished run cannot predict: {said(error)}", hint) from error
    answered = [
        {key: answer.get(key) for key in item} for item, answer in zip(before, answers, strict=True)
    ]
    place = _unlike(before, answered)
    if place:
        raise Broken(
            f"without its label an example of the {split} split is predicted otherwise: {place}",
            "let neither encode nor decode use a column that the schema names as a target",
        )
    return ""


def _requests(exam: Exam, run: Path, split: str) -> list[dict[str, Any]] | None:
    from ft.builtin import builtin
    from ft.engine.predict import open_run
    from ft.engine.setup import load_data
    from ft.reporters.reporter import Reporter

    with exam.bench.alone():
        opened = open_run(run, Reporter(), builtin())
        data = load_data(opened)
    if data.schema.group is not None:
        return None
    hidden = data.schema.gold
    return [
        {key: value for key, value in row.items() if key not in hidden}
        for row in data.splits[split]
    ]


def _items(run: Path, split: str) -> list[Any]:
    path = run / "predictions" / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _unlike(one: Any, other: Any, place: str = "") -> str:
    """Where two JSON values differ by more than a little, as ``[3]['label']: 'yes', not 'no'``."""
    pairs: Iterable[tuple[object, Any, Any]] = ()
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        pairs = [(repr(key), one[key], other[key]) for key in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(one, other, strict=True))]
    elif isinstance(one, float) and isinstance(other, int | float):
        same = math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE) or (one != one != other)
        return "" if same else f"{place}: {other}, not {one}"
    elif one != other:
        return f"{place}: {other!r}, not {one!r}"
    for key, a, b in pairs:
        found = _unlike(a, b, f"{place}[{key}]")
        if found:
            return found
    return ""
