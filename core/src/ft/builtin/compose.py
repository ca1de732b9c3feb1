"""Other plugins' hooks for a plugin: several tasks on one encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ft.builtin.composed import Composed, OfTask, remembered
from ft.builtin.merged import merged
from ft.builtin.one_pass import MARK, join, own_outputs
from ft.builtin.part import CALLED, Part
from ft.config.complaints import Scope
from ft.config.given import Setting
from ft.config.merge import Given
from ft.contract.errors import FtError, PluginError, raise_all
from ft.contract.intervals import intervals_of
from ft.contract.messages import did_you_mean
from ft.contract.results import Evaluation, Loss, Metric, Predictions, Table
from ft.contract.schema import EXAMPLE_ID, TASK, Schema, TaskData
from ft.engine.answer import named
from ft.engine.batch.features import group
from ft.hooks import declarations
from ft.hooks.chain import Composite
from ft.loading.files import source_files
from ft.loading.load import load

if TYPE_CHECKING:
    from ft.contract.run import Run


def compose(
    names: Mapping[str, str] | Sequence[str],
    settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    weights: Mapping[str, float] = MappingProxyType({}),
) -> Tasks:
    """Other task plugins' hooks, for a plugin that trains several tasks on one encoder.

    The plugin keeps what it gets as an attribute: then the core tells the tasks' plugins every event,
    keeps their state in checkpoints, and accounts for them under their own names.

    Args:
        names: the plugin of each task (``sentiment``, ``./topics.py``) by the task's own name; or a
            list of plugins that are named as they are.
        settings: of each task, by its own name.
        weights: how much the loss of each counts beside the others', by its own name; 1 where it is
            left out.

    Raises:
        ConfigError: a setting does not fit; it is called ``NAME.KEY``, by the task's own name.
        PluginError: a plugin cannot be loaded, provides a hook that tasks cannot have each, or a name
            is no identifier or of no task; a weight is not greater than 0.
    """
    named = names if isinstance(names, Mapping) else {load(one).name: one for one in names}
    faults: list[FtError] = [
        PluginError(f"'{name}' cannot be the name of a task", hint="use letters, digits and _")
        for name in named
        if not name.isidentifier()
    ]
    given = Given.of(
        Setting((name, key), value, f"{name}.{key}")
        for name, table in settings.items()
        for key, value in table.items()
    )
    loaded = {}
    for name, spec in named.items():
        try:
            loaded[name] = load(spec)
        except FtError as error:
            error.where = f"the task '{name}'"
            faults.append(error)
    scope = Scope({name: one.cls.Config for name, one in loaded.items()}, given.places, None)
    faults += [
        PluginError(
            f"there are {what} for '{name}', which is no task",
            hint=f"{did_you_mean(name, named) or ''} the tasks are {', '.join(named)}".strip(),
        )
        for what, table in (("settings", settings), ("weights", weights))
        for name in table
        if name not in named
    ]
    faults += [
        PluginError(f"the weight of the task '{name}' is {weight}", hint="give a number above 0")
        for name, weight in weights.items()
        if not 0 < weight < math.inf
    ]
    parts = {}
    for name, one in loaded.items():
        config, wrong = given.check(name, one.cls.Config, one.owner, scope)
        faults += wrong
        if config is not None:
            plugin = one.cls(config)
            plugin.name = name  # random numbers come with the run
            parts[name] = Part(plugin, one.owner, weights.get(name, 1.0))
    raise_all(faults)
    return Tasks(parts)


class Tasks(Composite):
    """What `compose` gives: the hooks of several tasks as one task's, to be called by a plugin's own.

    Each row is of one task (column ``task``) and each feature too; a request is answered by all. Columns
    of the same name and type in all tasks, such as ``text``, are one; others are called
    ``NAME.COLUMN``, as are the metrics. A prediction holds one of each task by name.
    """

    passed_on = CALLED

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts

    def inside(self) -> list[Part]:
        """See `Composite`."""
        return list(self._parts.values())

    def run_defaults(self) -> dict[str, Any]:
        """What the tasks' plugins suggest as settings of the run; of two, the later one counts."""
        plugins = [part.plugin for part in self._parts.values()]
        return {k: v for one in plugins for k, v in one.run_defaults(one.config).items()}

    def _run(self, run: Run, part: Part) -> Any:
        return part.within(run)

    def load_data(self, run: Run) -> TaskData:
        """The rows of all tasks, those of the first before those of the second."""
        trained = run.data if run.restored else None
        for part in self._parts.values():
            if not run.restored:
                for path in source_files(type(part.plugin).__module__).values():
                    run.uses(path)  # so that a resume notices other code
            part.data = part.hooks.call("load_data", self._run(run, part))
            if trained is not None:
                told = trained.schema.extra["tasks"][part.name]["schema"]
                part.data = replace(part.data, schema=Schema.from_json(told))
            elif words := part.data.schema.words:
                # What a word without a piece is read as follows from the one schema of the run.
                schema = replace(part.data.schema, words=replace(words, cut=True))
                part.data = replace(part.data, schema=schema)
            raise_all(declarations.schema_faults([part], part.data.schema))
        return merged(self._parts)

    def build_head(self, run: Run, data: TaskData) -> Composed:
        """The model of each task, its encoder replaced by `Run.encoder`.

        Raises:
            PluginError: a task's model has no encoder of that kind.
        """
        encoder = run.encoder()
        for part in self._parts.values():
            own = self._run(run, part)
            model: Any = part.hooks.call("build_head", own, part.data)
            prefix = getattr(model, "base_model_prefix", "")
            if type(getattr(model, prefix, None)) is not type(encoder):
                raise PluginError(
                    f"the model of the task '{part.name}', a {type(model).__name__}, has no "
                    f"{type(encoder).__name__} to be shared",
                    hint="compose tasks whose model is an encoder of transformers with a head",
                )
            setattr(model, prefix, encoder)
            part.model = model
        return Composed(
            {name: part.model for name, part in self._parts.items() if part.model}, encoder
        )

    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> dict[str, list[Any]]:
        """The features of each row for its task; of a request for all tasks."""
        count = len(examples[EXAMPLE_ID])
        made: list[tuple[int, dict[str, Any]]] = []
        for name, part in self._parts.items():
            own = self._run(run, part)
            rows = [i for i in range(count) if TASK not in examples or examples[TASK][i] == name]
            if not rows:
                continue
            columns = part.hooks.call("encode", own, part.own(examples, rows), training)
            for row, features in zip(
                rows, group(columns, len(rows), f"task '{name}'"), strict=True
            ):
                for feature in features:
                    values = {key: value for key, value in feature.items() if key != "row"}
                    made.append((row, {**values, MARK + name: 1}))
        made.sort(key=lambda pair: pair[0])
        if TASK not in examples:
            made = join(made, [MARK + name for name in self._parts])
        names = dict.fromkeys(key for _, feature in made for key in feature)
        return {
            "row": [row for row, _ in made],
            **{key: [feature.get(key) for _, feature in made] for key in names},
        }

    def _of(self, batch: Mapping[str, Any]) -> Part:
        """The task that a batch or a feature is of."""
        return self._all_of(batch)[0]

    def _all_of(self, batch: Mapping[str, Any]) -> list[Part]:
        """The tasks that a batch or a feature is of: all whose features of a request are the same."""
        return [part for name, part in self._parts.items() if MARK + name in batch]

    def name_of(self, batch: Mapping[str, Any]) -> str:
        """The name of the task that a batch is of."""
        return self._of(batch).name

    def compute_loss(self, run: Run, model: Any, batch: Mapping[str, Tensor]) -> Loss:
        """The loss of the task that the batch is of."""
        part = self._of(batch)
        own = self._run(run, part)
        loss: Loss = part.hooks.call("compute_loss", own, _model_of(model, part), batch)
        # A task's own compute_loss need not ask for `loss_of`, which weighs.
        return loss if own.asked else loss.times(part.weight_of_all())

    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """The loss of outputs of the task that the batch is of, times the task's weight."""
        part = self._of(batch)
        loss: Loss = part.hooks.call("loss_of", self._run(run, part), outputs, batch)
        return loss.times(part.weight_of_all())

    def divergence(
        self,
        run: Run,
        outputs: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Tensor:
        """How far outputs of the task that the batch is of are apart."""
        part = self._of(batch)
        apart: Tensor = part.hooks.call("divergence", self._run(run, part), outputs, other, batch)
        return apart * part.weight_of_all()

    def infer(self, run: Run, model: Any, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What the model of the batch's task answers; those of several tasks take one encoder pass."""
        parts = self._all_of(batch)
        whole = isinstance(model, Composed)
        asked = model if whole else remembered(model)
        with model.one_pass() if whole and len(parts) > 1 else nullcontext():
            answers = {
                part.name: part.hooks.call(
                    "infer", self._run(run, part), _model_of(asked, part), batch
                )
                for part in parts
            }
        if len(parts) == 1:
            return dict(answers[parts[0].name])
        return {f"{name}.{key}": one for name, own in answers.items() for key, one in own.items()}

    def read_request(self, run: Run, request: Any) -> dict[str, Any]:
        """The request as every task reads it."""
        example: dict[str, Any] = {}
        for part in self._parts.values():
            own = named(request, [part.plugin])
            read = part.hooks.call("read_request", self._run(run, part), own)
            whole = {column: name for name, column in part.columns.items()}
            for key, value in read.items():
                # What is in no file, such as the offsets of words, is the task's alone.
                name = whole.get(key, f"{part.name}.{key}")
                # Tasks may read one column of ours from several of the request's.
                differs = name in example and example[name] != value
                example[f"{part.name}.{key}" if differs else name] = value
        return example

    def request_schema(self, run: Run) -> dict[str, Any]:
        """What every task takes: the schemas of all, and one example that has what each asks for."""
        schemas: list[dict[str, Any]] = []
        example: dict[str, Any] = {}
        for part in self._parts.values():
            describes = part.hooks.describes_requests()
            schema = dict(describes.request_schema(self._run(run, part)))
            given = next(iter(schema.pop("examples", ())), None)
            if not isinstance(given, Mapping):
                return {}  # a task that says nothing of its requests, or takes texts alone
            example = {**given, **example}
            schemas += [] if schema in schemas else [schema]
        whole = schemas[0] if len(schemas) == 1 else {"allOf": schemas}
        return {**whole, "examples": [example]}

    def decode(
        self, run: Run, outputs: Sequence[Mapping[str, Any]], examples: Mapping[str, list[Any]]
    ) -> list[dict[str, Any]]:
        """Each task's prediction under its name."""
        items: list[dict[str, Any]] = [{} for _ in outputs]
        given: dict[str, dict[int, Mapping[str, Any]]] = {name: {} for name in self._parts}
        for row, output in enumerate(outputs):
            for one in output.get("kinds", [output] if output["features"] else []):
                parts = self._all_of(one["features"][0])
                for part in parts:
                    given[part.name][row] = one if len(parts) == 1 else own_outputs(one, part)
        for name, part in self._parts.items():
            own, rows = self._run(run, part), list(given[name])
            answers = list(given[name].values())
            decoded = part.hooks.call("decode", own, answers, part.own(examples, rows))
            for row, item in zip(rows, decoded, strict=True):
                items[row][name] = item
        return items

    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """The metrics of all tasks, and ``mean``, that of their main ones."""
        metrics: dict[str, Metric] = {}
        mains: dict[str, Metric] = {}
        tables: list[Table] = []
        task = list(predictions.examples[TASK])
        for name, part in self._parts.items():
            own = self._run(run, part)
            rows = [i for i, one in enumerate(task) if one == name]
            if not rows or part.data is None:
                continue
            examples = predictions.examples.select(rows)
            kept = {
                whole: column
                for whole, column in part.columns.items()
                if whole in examples.column_names
            }
            examples = examples.select_columns(list(kept)).rename_columns(
                {whole: column for whole, column in kept.items() if whole != column}
            )
            items = [predictions.items[i][name] for i in rows]
            mine = Predictions(predictions.split, examples, items, part.data.schema)
            evaluation: Evaluation = part.hooks.call("evaluate", own, mine)
            metrics |= {f"{name}/{key}": metric for key, metric in evaluation.metrics.items()}
            mains[f"{name}/{evaluation.main}"] = evaluation.metrics[evaluation.main]
            tables += [replace(one, title=f"{name}: {one.title}") for one in evaluation.tables]
        metrics["mean"] = _mean(list(mains.values()))
        errors = [name for name, one in mains.items() if not one.higher_is_better]
        chooses = predictions.split == "validation" and not run.restored and not run.config.metric
        if errors and chooses:
            other = next((name for name in mains if name not in errors), next(iter(metrics)))
            run.note(
                f"the mean of the tasks' main metrics, by which the best model is chosen, subtracts "
                f"{', '.join(errors)}, in whatever unit the data has: where that is not small beside the "
                f"other scores it decides alone; name a metric instead, such as run.metric = '{other}'"
            )
        return Evaluation(metrics, "mean", [_mains(mains), *tables])


def _mean(metrics: Sequence[Metric]) -> Metric:
    """The mean of metrics, the lower the better of which count with a minus; its interval is that of the
    mean of their draws, where all were drawn as often.
    """
    signs = [1.0 if one.higher_is_better else -1.0 for one in metrics]
    value = sum(sign * one.value for sign, one in zip(signs, metrics, strict=True)) / len(metrics)
    drawn = [one.draws for one in metrics if one.draws is not None]
    if len(drawn) < len(metrics) or len({len(one.values) for one in drawn}) > 1:
        return Metric(value)
    each = np.mean([sign * one.values for sign, one in zip(signs, drawn, strict=True)], axis=0)
    items = sum(one.items for one in drawn)
    return Metric(value, *intervals_of(each, 0.95, items, drawn[0].seed)[0])


def _mains(metrics: Mapping[str, Metric]) -> Table:
    """The main metric of each task."""
    rows = tuple((name, one.value, one.low, one.high) for name, one in metrics.items())
    title = "The main metric of each task"
    return Table(title, ("metric", "value", "low", "high"), rows, "low and high: 95 % interval")


def _model_of(model: Any, part: Part) -> Any:
    """The model of one task."""
    return model.tasks[part.name] if isinstance(model, Composed) else OfTask(model, part.name)
