"""A trained model that stays in memory, and what it is for: predicting, and scoring other data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from torch import nn
from typing_extensions import override

from ft.contract.errors import DataError, UserError
from ft.contract.results import Answer, Evaluation, Predictions, Result
from ft.contract.run import Trained
from ft.contract.schema import POOL, SPLITS, Schema, Split, TaskData
from ft.data.given import is_data, written
from ft.data.lint.statistics import statistics
from ft.data.tags.tags import split_tag
from ft.engine.answer import answer_all, answers, outputs, rows_of
from ft.engine.outcome import score
from ft.engine.randomness import undisturbed
from ft.engine.ranks.bystander import run_folder
from ft.engine.ranks.ranks import joined
from ft.engine.run import LiveRun
from ft.engine.setup import load_data

if TYPE_CHECKING:
    from datasets import Dataset


class LiveTrained(Trained):
    """The engine's `Trained`.

    Args:
        run: what `open_run` gave.
        folder: of the finished run.
    """

    def __init__(self, run: LiveRun, folder: Path) -> None:
        assert run.data is not None
        self._run = run
        self.folder = folder
        self.schema = run.data.schema
        # Plugins keep state of their own while they answer: one thread at a time.
        self._turn = Lock()

    @property
    @override
    def model(self) -> nn.Module:
        assert self._run.model is not None
        return self._run.model

    @property
    @override
    def labels(self) -> tuple[str, ...]:
        if self.schema.words:
            return tuple(self.schema.words.labels)
        return tuple(self.schema.label.names) if self.schema.label else ()

    @override
    def data(self, data: Any = None, *, split: Split | None = None) -> TaskData:
        with self._turn, _standing_in(self._run, _path(data, split or "test"), split):
            return load_data(self._run)

    @override
    def predictions(self, rows: Dataset, split: str = "test") -> Predictions:
        with self._turn, joined(self._run.accelerator) as self._run.ranks:
            return self._run.predictor(self._run, split, rows=rows)

    @override
    def evaluation(self, predictions: Predictions) -> Evaluation:
        run = self._run
        final = run.answering(predictions.split, final=True)
        with self._turn, run.aside(), final, undisturbed():
            evaluation: Evaluation = run.hooks.call("evaluate", run, predictions)
        return evaluation

    @override
    def predict(
        self, inputs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        with self._turn:
            return list(answers(self._run, _requests(inputs)))

    @override
    def answer(
        self, inputs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
    ) -> list[Answer]:
        with self._turn:
            return answer_all(self._run, list(_requests(inputs)))

    @override
    def outputs(
        self, inputs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        with self._turn:
            return list(outputs(self._run, _requests(inputs)))

    @override
    def request_schema(self) -> dict[str, Any]:
        with self._turn:
            return dict(self._run.hooks.describes_requests().request_schema(self._run))

    def warm(self) -> None:
        """Answer the example of the request's schema: what is loaded at first use is loaded then."""
        self.answer(self.request_schema().get("examples", []))

    @override
    def evaluate(self, data: Any = None, *, split: str = "test") -> Result:
        with self._turn:
            return evaluate_run(self._run, self.folder, _path(data, split), split)


def _path(data: Any, split: str) -> str | None:
    """The file of data that was given as one, or as rows."""
    return None if data is None else written(data, split) if is_data(data) else str(data)


def _requests(inputs: Any) -> Iterable[Any]:
    return [inputs] if isinstance(inputs, str | Mapping) else rows_of(inputs)


def evaluate_run(run: LiveRun, path: Path, data: str | None, split: str) -> Result:
    """Score a run that `open_run` gave; the arguments are those of `evaluate`."""
    own = next((name for name in SPLITS if name == split), None)
    with _standing_in(run, data, own or split):
        return _evaluate(run, path, data, split, own)


@contextmanager
def _standing_in(run: LiveRun, data: str | None, split: str | None) -> Iterator[None]:
    """A file in place of a split, which is the only one that is read; all is as before at the end.

    Raises:
        UserError: the split has no setting that a file could stand in for.
    """
    before, configs = run.data, [member.plugin.config for member in run.hooks.members]
    run.wanted = next((name for name in SPLITS if name == split), None)
    try:
        if data is not None:
            if run.wanted is None:
                raise UserError(
                    f"--data cannot stand in for the split '{split}', which has no setting of its own",
                    hint="leave out --split, or --data",
                )
            for member in run.hooks.members:
                if split in type(member.plugin.config).model_fields:
                    member.plugin.config = member.plugin.config.model_copy(update={split: data})
        yield
    finally:
        run.data, run.wanted = before, None
        for member, config in zip(run.hooks.members, configs, strict=True):
            member.plugin.config = config


def _evaluate(run: LiveRun, path: Path, data: str | None, split: str, own: Split | None) -> Result:
    assert run.data is not None
    schema = run.data.schema
    loaded = load_data(run)
    if own is None and split not in loaded.splits:  # one that a technique adds
        loaded = load_data(run, with_techniques=True)
    for note in loaded.notes:
        run.note(note)
    _check_alike(loaded.schema, schema, data or split)
    for note in _unknown_labels(loaded, schema, split):
        run.note(note)
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
    run.reporter.finish(result)
    return result


def _unknown_labels(loaded: TaskData, trained: Schema, split: str) -> list[str]:
    """What is said of labels, or types of spans, that the model does not know."""
    if split not in loaded.splits:
        return []
    if trained.words:
        known = {split_tag(tag)[1] or tag for tag in trained.words.labels}
    elif trained.label and trained.label.kind != "number":
        known = set(trained.label.names)
    else:
        return []
    counts = statistics(loaded.splits[split], loaded.schema).get("labels", {}).get("counts", {})
    unknown = {name: count for name, count in counts.items() if name not in known}
    if not unknown:
        return []
    shown = ", ".join(f"{name!r} ({count:,})" for name, count in list(unknown.items())[:8])
    more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
    return [
        f"{split} has labels that the model does not know, so that it misses all of them: "
        f"{shown}{more}; it knows {', '.join(sorted(known - {'O'})[:8])}"
    ]


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
