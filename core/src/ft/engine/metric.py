"""The metric that chooses the best model: whether the task has it, found out before training where it can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ft.contract.errors import ConfigError
from ft.contract.messages import did_you_mean
from ft.engine.randomness import Generators, undisturbed_random

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.results import Predictions
    from ft.engine.run import LiveRun

LOSS = "loss"
"""The metric that every split with gold answers has."""

FEW = 32
"""Validation examples that are scored before training, evenly spread ones."""

FORWARD = ("tags", "single", "multi", "ordinal", "number", "spans")
"""Kinds of target that a forward pass answers. A text is written token by token, and what is ranked may be a
whole catalogue: their metrics are not looked at before they are due."""


def require(name: str, there: Iterable[str]) -> None:
    """See that a metric is one of those that a task gives.

    Raises:
        ConfigError: it is not.
    """
    names = list(there)
    if name not in names:
        raise ConfigError(
            f"there is no metric '{name}'",
            where="run.metric",
            hint=did_you_mean(name, names) or f"the metrics are {', '.join(names)}",
        )


def look_ahead(run: LiveRun) -> None:
    """Refuse ``run.metric`` before training where the task has no such metric of its validation split.

    A few examples, predicted by the model as it is, tell that it is there. That it is not, only all of them
    tell, for a metric may be that of one class; and also with right answers for predictions, for one may be
    left out where a model predicts nothing, or always the same. What techniques add to the task's
    metrics is not looked at.

    Raises:
        ConfigError: there is no such metric.
    """
    name, data = run.config.metric, run.data
    if name in (None, LOSS) or data is None or "validation" not in data.splits:
        return
    if data.schema.group or any(target.kind not in FORWARD for target in data.schema.targets):
        return
    rows = data.splits["validation"]
    few = rows.select(range(0, len(rows), max(1, -(-len(rows) // FEW))))
    generators = Generators(run.device, [member.plugin for member in run.hooks.kept])
    there: dict[str, None] = {}
    try:
        with run.aside(), run.answering("validation"), undisturbed_random():
            for predictions in _predicted(run, few, rows):
                there |= dict.fromkeys(run.hooks.provide("evaluate", run, predictions).metrics)
                if name in there or run.hooks.wrapped("evaluate"):
                    return
    except Exception:  # what is wrong is told where it is due, with the place
        return
    finally:
        generators.wind_back()
    require(str(name), [*there, LOSS])


def _predicted(run: LiveRun, few: Dataset, rows: Dataset) -> Iterator[Predictions]:
    """Predictions of a few examples, of all, and of all with the right answers in their place."""
    yield run.predictor(run, "validation", rows=few)
    predictions = run.predictor(run, "validation", rows=rows)
    yield predictions
    target = predictions.schema.targets[0]
    key = "tags" if target.kind == "tags" else "label"
    if len(predictions.schema.targets) == 1 and all(key in item for item in predictions.items):
        pairs = zip(predictions.items, rows[target.column], strict=True)
        yield replace(predictions, items=[{**item, key: gold} for item, gold in pairs])
