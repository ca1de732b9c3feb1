"""From requests to answers: read, put together by size, predicted, joined with what was asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ft.contract.errors import DataError
from ft.contract.plugin import Plugin
from ft.contract.results import Answer
from ft.engine.batch.batches import lengths
from ft.engine.batch.features import encode
from ft.engine.batch.inference import as_examples, outputs_of, predict_examples
from ft.engine.batch.read_requests import BadRequest, Request, checked
from ft.engine.collector import paused
from ft.engine.run import PREDICT, LiveRun

REQUESTS = 4096
"""Requests that are answered together at most."""

CHARACTERS = 1 << 18
"""Characters of requests that are enough to be answered together: passes over them are alike in length,
and of long texts the answers do not wait for thousands of others."""

ERROR = "error"
"""Key of an answer that says why there is none."""

GIVEN = "given_"
"""What the key of a request begins with in its answer, where the prediction has the same key."""


def answers(
    run: LiveRun, requests: Iterable[Any], *, skip: bool = False
) -> Iterator[dict[str, Any]]:
    """Predict texts or rows with a run that is open, in their order.

    An answer holds everything that the request holds, then the prediction.

    Args:
        run: with its model.
        requests: texts, mappings, or what stands in the place of one that could not be read.
        skip: answer a request that is wrong with ``{"error": ...}`` and go on.

    Raises:
        DataError: a request is wrong, and ``skip`` is not set; says which one it is.
    """
    done = 0
    for chunk in _together(requests):
        for request, answer in zip(chunk, answer_all(run, chunk, done, skip=skip), strict=True):
            if answer.prediction is None:
                given = dict(request) if isinstance(request, Mapping) else {}
                yield {**given, ERROR: str(answer.error)}
            else:
                yield dict(answer.prediction)
        done += len(chunk)
        run.reporter.progress("predict", done, 0)


def answer_all(
    run: LiveRun, requests: Sequence[Any], first: int = 0, *, skip: bool = True
) -> list[Answer]:
    """Answer requests together; with ``skip`` one that is wrong does not touch the others.

    Args:
        run: with its model.
        requests: as those of `answers`.
        first: the number of the first one, counted from 0, for messages.
        skip: answer a request that is wrong with its error.

    Raises:
        DataError: a request is wrong, and ``skip`` is not set.
    """
    with paused(), run.answering(PREDICT):
        read = [_read(run, request, first + i) for i, request in enumerate(requests)]
        bad = next((one for one in read if isinstance(one, BadRequest)), None)
        if bad is not None and not skip:
            raise bad.error
        numbers = [i for i, one in enumerate(read) if not isinstance(one, BadRequest)]
        rows = [one for one in read if not isinstance(one, BadRequest)]
        found = dict(zip(numbers, _predicted(run, rows, skip), strict=True))
    answers = []
    for i, (request, example) in enumerate(zip(requests, read, strict=True)):
        if isinstance(example, BadRequest):
            answers.append(Answer(None, example.error))
            continue
        answer = found[i]
        if isinstance(answer.error, DataError):
            answer.error.where = f"request {first + i + 1}"
        if answer.prediction is not None:
            given = request if isinstance(request, Mapping) else {}
            tasks = {part.name for part in run.hooks.inside}
            rest, prediction = _by_task(given, example, answer.prediction, tasks)
            answer = replace(answer, prediction=_joined(given, rest, prediction))
        answers.append(answer)
    return answers


def outputs(run: LiveRun, requests: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """What the model gives for requests, as `decode` is given it, in their order.

    Raises:
        DataError: a request is wrong; says which one it is.
    """
    done = 0
    for chunk in _together(requests):
        with paused(), run.answering(PREDICT):
            rows = []
            for number, request in enumerate(chunk, done):
                example = _read(run, request, number)
                if isinstance(example, BadRequest):
                    raise example.error
                rows.append(example)
            found = outputs_of(run, as_examples(rows))
        yield from found
        done += len(chunk)


def _predicted(run: LiveRun, rows: Sequence[dict[str, Any]], skip: bool) -> list[Answer]:
    """The predictions for examples; where a plugin refuses one of several, each is tried alone."""
    if not rows:
        return []
    examples = as_examples(rows)
    try:
        grouped = encode(run, examples, training=False)
        predictions = predict_examples(run, examples, encoded=grouped)
    except DataError as error:
        if not skip:
            raise
        if len(rows) == 1:
            return [Answer(None, error)]
        return [answer for row in rows for answer in _predicted(run, [row], skip)]
    answers = []
    for row, features, prediction in zip(rows, grouped, predictions, strict=True):
        sizes = lengths(features) if features else []
        answers.append(Answer(prediction, None, sum(sizes), _is_cut(run, row, sizes)))
    return answers


def _is_cut(run: LiveRun, example: Mapping[str, Any], sizes: Sequence[int]) -> bool:
    """Whether the features of an example hold less than its text (see `Answer`)."""
    if run.processor is None or max(sizes, default=0) < run.max_length:
        return False
    assert run.data is not None
    texts = [example.get(text.column) for text in run.data.schema.texts]
    if run.data.schema.words:
        return False  # all words are in some window
    if not all(isinstance(text, str) for text in texts):
        return True
    whole = run.tokenizer(*[[text] for text in texts], truncation=False, verbose=False)
    return len(whole["input_ids"][0]) > sum(sizes)


def rows_of(inputs: Any) -> Iterable[Any]:
    """The requests in what a caller in Python has: many texts or mappings, or a table of pandas.

    Raises:
        DataError: it is nothing that holds requests.
    """
    if hasattr(inputs, "to_dict") and hasattr(inputs, "columns"):
        rows: list[Any] = inputs.to_dict("records")
        return rows
    if inputs is None or isinstance(inputs, bytes) or not isinstance(inputs, Iterable):
        raise DataError(
            f"requests are texts or mappings, and this is of type {type(inputs).__name__}",
            hint='e.g. ["one text", {"text": "another"}]',
        )
    return inputs


def _by_task(
    given: Mapping[str, Any],
    example: Mapping[str, Any],
    prediction: Mapping[str, Any],
    tasks: Collection[str],
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """An example and its prediction, with what one of several tasks alone has read in that task's
    prediction, as it would stand in the answer of a run of its own; what the request says is not repeated.
    """
    own: dict[str, dict[str, Any]] = {}
    rest = {}
    for name, value in example.items():
        task, dot, column = name.partition(".")
        if not dot or task not in tasks or not isinstance(prediction.get(task), Mapping):
            rest[name] = value
        elif not any(column in one and one[column] == value for one in (given, example)):
            own.setdefault(task, {})[column] = value
    return rest, {
        name: {**own[name], **one} if name in own else one for name, one in prediction.items()
    }


def _joined(
    given: Mapping[str, Any], example: Mapping[str, Any], prediction: Mapping[str, Any]
) -> dict[str, Any]:
    """An answer, in which nothing of the request is lost."""
    texts = {value for value in given.values() if isinstance(value, str)}

    def taken(key: str, value: Any) -> bool:
        """Whether another of the request's columns was read under this name."""
        read = example.get(key)
        return isinstance(value, str) and isinstance(read, str) and value != read and read in texts

    kept = {
        f"{GIVEN}{key}" if key in prediction or taken(key, value) else key: value
        for key, value in given.items()
    }
    return {**kept, **example, **prediction}


def _read(run: LiveRun, request: Any, number: int) -> dict[str, Any] | BadRequest:
    """A raw example as the plugins read it from a request, without what is to be predicted."""
    assert run.data is not None
    where = f"request {number + 1}"
    if not isinstance(request, BadRequest):
        request = checked(request, where)
    if isinstance(request, BadRequest):
        return request
    try:
        example = run.hooks.call("read_request", run, _named(run, request))
    except DataError as error:
        error.where = error.where or where
        return BadRequest(error)
    targets = run.data.schema.gold
    return {key: value for key, value in example.items() if key not in targets}


def _named(run: LiveRun, request: Request) -> Request:
    """A request whose columns may also be called as in the training file."""
    inside = {id(part.plugin) for part in run.hooks.inside}  # each of them reads names of its own
    plugins = [member.plugin for member in run.hooks.kept if id(member.plugin) not in inside]
    return named(request, plugins)


def named(request: Request, plugins: Iterable[Plugin]) -> Request:
    """A request under our names of columns, where it has those of the files that plugins were trained on.

    Where it has both, that of the file is meant: the other is another column of such a file.
    """
    if isinstance(request, str):
        return request
    names = dict(request)
    for plugin in plugins:
        given = getattr(plugin.config, "columns", None)
        columns: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        for name, own in columns.items():
            if isinstance(own, str) and own in request and own != name:
                names[name] = request[own]
                if own not in columns:
                    names.pop(own, None)
    return names


def _together(requests: Iterable[Any]) -> Iterator[list[Any]]:
    """The requests that are answered together."""
    chunk: list[Any] = []
    size = 0
    for request in requests:
        chunk.append(request)
        size += len(str(request))
        if len(chunk) == REQUESTS or size >= CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
