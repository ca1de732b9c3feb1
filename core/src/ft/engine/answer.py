"""From requests to answers: read, put together by size, predicted, joined with what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ft.contract.errors import DataError, PluginError
from ft.engine.batch.inference import as_examples, predict_examples
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
        with paused(), run.answering(PREDICT):
            examples = [_read(run, request, done + i) for i, request in enumerate(chunk)]
            rows = [one for one in examples if not isinstance(one, BadRequest)]
            bad = next((one for one in examples if isinstance(one, BadRequest)), None)
            if bad is not None and not skip:
                raise bad.error
            predictions = iter(predict_examples(run, as_examples(rows)) if rows else ())
        for request, example in zip(chunk, examples, strict=True):
            given = dict(request) if isinstance(request, Mapping) else {}
            if isinstance(example, BadRequest):
                yield {**given, ERROR: str(example.error)}
            else:
                yield _joined(given, example, next(predictions))
        done += len(chunk)
        run.reporter.progress("predict", done, 0)


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


def _joined(
    given: Mapping[str, Any], example: Mapping[str, Any], prediction: Mapping[str, Any]
) -> dict[str, Any]:
    """An answer, in which nothing of the request is lost."""
    kept = {f"{GIVEN}{key}" if key in prediction else key: value for key, value in given.items()}
    return {**kept, **example, **prediction}


def _read(run: LiveRun, request: Any, number: int) -> dict[str, Any] | BadRequest:
    """A raw example as the plugins read it from a request, without what is to be predicted.

    Raises:
        PluginError: `read_request` did not return a mapping.
    """
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
    if not isinstance(example, Mapping):
        provider, techniques = run.hooks.parts("read_request")
        raise PluginError(
            f"read_request returned {type(example).__name__}, not a mapping of columns",
            who="plugin " + ", ".join(one.owner for one in [provider, *techniques]),
        )
    targets = run.data.schema.gold
    return {key: value for key, value in example.items() if key not in targets}


def _named(run: LiveRun, request: Request) -> Request:
    """A request whose columns may also be called as in the training file."""
    if isinstance(request, str):
        return request
    names = dict(request)
    for member in run.hooks.members:
        columns = getattr(member.plugin.config, "columns", None)
        for name, own in columns.items() if isinstance(columns, Mapping) else ():
            if own in names and name not in request:
                names[name] = names.pop(own)
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
