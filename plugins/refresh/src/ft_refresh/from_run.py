"""The technique that goes on from an older run: its classes in their places, its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from datasets import Dataset, DatasetDict
from pydantic import Field
from torch import nn

import ft
from ft import (
    Config,
    ConfigError,
    DataError,
    Evaluation,
    Metric,
    Plugin,
    Predictions,
    Run,
    TaskData,
    Trained,
    hookimpl,
)
from ft_refresh import complete
from ft_refresh.labels import grown
from ft_refresh.weights import known, put

VALIDATION: Final = "validation"
OLD = "old_validation"
BOTH = "both"
MACRO: Final = "macro_f1"


class FromRunConfig(Config):
    """Settings of ``from_run``."""

    run: Path = Field(description="folder of the older run to go on from")
    choose: Literal["both", "new"] = Field(
        "both",
        description="choose the best model by the mean of the main metric on the older run's "
        "validation data and on the new one, or by the new one alone, which needs no old texts",
    )
    validation_rows: int = Field(
        500, gt=0, description="examples of the older run's validation data that are scored (both)"
    )
    metric: str | None = Field(
        None,
        description="the metric that counts, in place of run.metric; default: the task's main one",
    )
    complete: bool = Field(
        False,
        description="new data that has labels of the new classes alone: where it has none, it gets "
        "those that the older model gives (tags, several labels)",
    )


class FromRun(Plugin):
    """Goes on from an older run: classes may be added, the old ones keep their places and weights."""

    Config: ClassVar[type[Config]] = FromRunConfig
    config: FromRunConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._old: Trained | None = None
        self._rows: Dataset | None = None

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """The model that a run begins with is that of the older run."""
        return {"model": str(config.run / "model")}

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Run) -> TaskData:
        """The new data, its classes behind those of the older run."""
        data = inner(run)
        if run.restored:
            return data
        old = self._old = run.load_trained(self.config.run)
        data = replace(data, schema=grown(data.schema, old.schema, self.config.run))
        if self.config.complete:
            data = complete.by(old, data, self.config.run)
        if self.config.choose == BOTH:
            self._rows = self._validation(old)
            if self._rows is None:
                run.note(
                    "the older run has no validation data: the new one alone chooses the model"
                )
        return data

    def _validation(self, old: Trained) -> Dataset | None:
        try:
            splits: DatasetDict = old.data(split=VALIDATION).splits
        except ft.FtError as error:
            raise DataError(
                f"the validation data of the older run cannot be read: {error.what}",
                where=str(self.config.run),
                hint="set from_run.choose = 'new', which needs none of its data",
            ) from error
        rows = splits.get(VALIDATION)
        if rows is None or len(rows) <= self.config.validation_rows:
            return rows
        chosen = self.rng_at(VALIDATION).choice(
            len(rows), self.config.validation_rows, replace=False
        )
        return rows.select(sorted(chosen.tolist()))

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """The model with the weights of the older run; what is new in it begins anew."""
        model = inner(run, data)
        if run.restored or self._old is None:
            return model
        before, after = len(self._old.labels), len(_labels(data))
        found = known(model, self._old.model, (before, after))
        put(model, found)
        more = [name for name in _labels(data) if name not in self._old.labels]
        grew = f"; new: {ft.listed(more, 8)}" if more else ""
        run.note(
            f"training goes on from the run {self.config.run.name}: {len(found)} of its parameters, "
            f"{before} classes at their places{grew}"
        )
        self._old = None
        return model

    @hookimpl
    def evaluate(
        self, inner: Callable[..., Evaluation], run: Run, predictions: Predictions
    ) -> Evaluation:
        """The validation split is scored beside that of the older run."""
        evaluation = inner(run, predictions)
        name = self.config.metric or evaluation.main
        ours = _metric(evaluation, name)
        evaluation = replace(evaluation, main=name)
        if predictions.split != VALIDATION or self._rows is None:
            return evaluation
        theirs = _by_gold(run.score(self._rows, OLD), name)
        mean = Metric((ours.value + theirs.value) / 2, higher_is_better=ours.higher_is_better)
        metrics = {**evaluation.metrics, f"old_{name}": theirs, BOTH: mean}
        return replace(evaluation, metrics=metrics, main=BOTH)


def _by_gold(evaluation: Evaluation, name: str) -> Metric:
    """A metric of the older run's data; macro F1 is over the classes that it has.

    One answer of a new class would count as a class with an F1 of 0 else.
    """
    found = _metric(evaluation, name)
    each = [one.value for key, one in evaluation.metrics.items() if key.startswith("f1/")]
    return replace(found, value=sum(each) / len(each)) if name == MACRO and each else found


def _metric(evaluation: Evaluation, name: str) -> Metric:
    if name not in evaluation.metrics:
        raise ConfigError(
            f"there is no metric '{name}'",
            where="from_run.metric",
            hint=f"the metrics are {', '.join(evaluation.metrics)}",
        )
    return evaluation.metrics[name]


def _labels(data: TaskData) -> tuple[str, ...]:
    """As `ft.Trained.labels`."""
    schema = data.schema
    if schema.words:
        return schema.words.labels
    return schema.label.names if schema.label else ()
