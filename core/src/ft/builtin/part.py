"""One of several tasks on one encoder: its plugin, data and model, and the run as it sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ft.builtin.standard.plugin import Standard
from ft.contract.errors import PluginError
from ft.contract.plugin import Config
from ft.contract.results import Loss
from ft.contract.schema import EXAMPLE_ID, TASK, Schema, TaskData
from ft.hooks.chain import Implementation, Inside, Member
from ft.hooks.costs import Ledger
from ft.hooks.hooks import Hooks
from ft.hooks.trace import Trace
from ft.loading.outline import outline_of

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.plugin import Plugin
    from ft.contract.results import Features
    from ft.contract.run import Run

CALLED = (
    "load_data",
    "build_head",
    "encode",
    "compute_loss",
    "loss_of",
    "divergence",
    "infer",
    "read_request",
    "decode",
    "evaluate",
)
"""The chain hooks of a task that `Tasks` calls."""


class Part(Inside):
    """One of the tasks.

    Attributes:
        name: its own.
        plugin: the instance.
        owner: its own name, and the plugin's with its distribution.
        weight: of its loss beside the others'.
        hooks: its own, without techniques; there when the run's are.
        data: what its `load_data` gave.
        columns: its own columns by those of all tasks together.
        model: its model, the encoder that all share inside.
    """

    hooks: Hooks

    def __init__(self, plugin: Plugin, of: str, weight: float) -> None:
        super().__init__(plugin.name, plugin, None, None)
        self._of = of
        self.weight = weight
        self.data: TaskData | None = None
        self.columns: dict[str, str] = {}
        self.model: nn.Module | None = None

    @property
    def owner(self) -> str:
        """Such as ``'mood', which is 'sentiment' (ft-sentiment 0.1.0)``."""
        return f"'{self.name}', which is {self._of}"

    def join(self, ledger: Ledger, trace: Trace | None) -> None:
        """See `Inside.join`.

        Raises:
            PluginError: the plugin is no task, or provides what one of several tasks cannot have.
        """
        if outline_of(type(self.plugin)).kind != "task":
            raise PluginError(
                f"{self.owner} is a technique, not a task",
                hint="name techniques behind the plugin that composes the tasks: they work on all of them",
            )
        standard = Standard(Config())
        standard.name = "standard"
        own = Member(self.name, self.plugin, None, self._of)
        builtin = [Member("standard", standard, None, None)]
        self.hooks = Hooks([own], builtin, trace=trace, ledger=ledger, passes=False)
        for hook in self.hooks.names("chain"):
            if hook not in CALLED and self.hooks.customised(hook):
                raise PluginError(
                    f"{self.owner} provides {hook}, which is the run's and not one task's",
                    hint=f"let the plugin that composes the tasks provide {hook}",
                )

    def within(self, run: Run) -> PartRun:
        """The run as the task sees it, ready for any hook."""
        if self.data is None and run.data is not None:
            from datasets import DatasetDict

            told = run.data.schema.extra["tasks"][self.name]
            self.data = TaskData(DatasetDict(), Schema.from_json(told["schema"]))
            self.columns = dict(told["columns"])
        return PartRun(run, self)

    def listeners(self, hook: str) -> list[Implementation]:
        """See `Inside.listeners`."""
        found = self.hooks.implementations(hook)
        return [one for one in found if one.plugin is self.plugin]

    def seen(self, offered: Mapping[str, Any]) -> dict[str, Any]:
        """See `Inside.seen`: its own run, model, features and metrics."""
        own = dict(offered)
        run: Run = own["run"]
        own["run"] = self.within(run)
        if "model" in own:
            own["model"] = self.model
        if "features" in own:
            assert run.data is not None
            own["features"] = PartFeatures(own["features"], self.rows(run.data.splits["train"]))
        if "metrics" in own:
            start = f"{self.name}/"
            given = own["metrics"].items()
            own["metrics"] = {k.removeprefix(start): v for k, v in given if k.startswith(start)}
        return own

    def method(self, name: str) -> Callable[..., Any]:
        """See `Inside.method`."""
        method = getattr(self.plugin, name)
        if name == "learning_rate":
            return lambda run, progress: method(self.within(run), progress)
        if name != "evaluation_weights":
            return method  # type: ignore[no-any-return]

        def weights(run: Run) -> Any:
            given = method(self.within(run))
            assert run.model is not None
            whole = {id(value): key for key, value in tensors_of(run.model).items()}
            own = tensors_of(self.model) if self.model is not None else {}
            return {whole[id(own[k])] if k in own else k: v for k, v in given.items()}

        return weights

    def weight_of_all(self) -> float:
        """The task's weight, times that of its target where it has one alone."""
        targets = () if self.data is None else self.data.schema.targets
        return self.weight * (targets[0].weight if len(targets) == 1 else 1.0)

    def rows(self, data: Dataset) -> list[int]:
        """Which rows of a split are the task's."""
        return [i for i, name in enumerate(data[TASK]) if name == self.name]

    def own(self, examples: Mapping[str, list[Any]], rows: Sequence[int]) -> dict[str, list[Any]]:
        """Some of the rows of all tasks as the task's own raw examples; of a request that has several
        texts for a column of all tasks, the task's own.
        """
        found = {}
        for whole, own in {**self.columns, EXAMPLE_ID: EXAMPLE_ID}.items():
            if whole in examples:
                ours = examples.get(f"{self.name}.{own}", examples[whole])
                pairs = [(ours[row], examples[whole][row]) for row in rows]
                found[own] = [every if one is None else one for one, every in pairs]
        start = f"{self.name}."
        for name in examples:  # what the task read from requests beside the columns of files
            if name.startswith(start) and name not in self.columns:
                found.setdefault(name.removeprefix(start), [examples[name][row] for row in rows])
        return found


class PartRun:
    """The run as one of the tasks sees it: its own data, model and hooks, the rest as it is."""

    def __init__(self, run: Run, part: Part) -> None:
        self._run = run
        self._part = part
        self.data = part.data
        self.model = part.model
        self.hooks = part.hooks
        self.asked = False
        self.model_path = str(Path(run.model_path) / part.name) if run.restored else run.model_path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def load(self, loader: Any, what: str, **settings: Any) -> Any:
        """See `Run.load`; a trained task's model is in a folder of its own."""
        whole = self._run.model_path
        self._run.model_path = self.model_path
        try:
            return self._run.load(loader, what, **settings)
        finally:
            self._run.model_path = whole

    def loss_of(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """See `Run.loss_of`: with the techniques, which stand around all tasks."""
        self.asked = True
        return self._run.loss_of(outputs, batch)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """See `Run.loss`."""
        loss: Loss = self.hooks.provide("compute_loss", self, model, batch)
        return loss


class PartFeatures:
    """The features of the examples of one task."""

    def __init__(self, features: Features, rows: Sequence[int]) -> None:
        self._features = features
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def fetch(self, ids: Sequence[int]) -> list[list[Mapping[str, Any]]]:
        """The features of each of the task's examples."""
        return self._features.fetch([self._rows[i] for i in ids])


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}
