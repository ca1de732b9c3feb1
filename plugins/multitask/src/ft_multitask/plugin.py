"""The plugin: the hooks of several tasks as one task's, on one encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import ft
from ft import Evaluation, Loss, Plugin, Predictions, Run, TaskData, hookimpl
from ft_multitask.example import write_example
from ft_multitask.settings import MultitaskConfig
from ft_multitask.shares import draw_epoch, epoch_sizes

TASK = "task"
"""Column that says which task a row is of."""

VARIANCES = "log_variances"
FILE = f"{VARIANCES}.safetensors"
MOST = 5.0
"""The log variances stay within this, so that no task's weight runs away."""


class Multitask(Plugin):
    """Trains several tasks on one encoder, each with its own data, head, loss and metrics.

    Attributes:
        tasks: what `ft.compose` gives.
    """

    Config: ClassVar[type[ft.Config]] = MultitaskConfig
    config: MultitaskConfig
    own_items = True

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        given = self.config.weights
        self.learnt = given == "uncertainty"
        weights = given if isinstance(given, dict) else {}
        self.tasks = ft.compose(self.config.tasks, self.config.settings, weights)

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """Two labels of the same texts."""
        return write_example(folder)

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """What the tasks' plugins suggest; of two, the later one counts."""
        return cls(config).tasks.run_defaults()

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """The rows of all tasks."""
        return self.tasks.load_data(run)

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Run, epoch: int) -> Any:
        """The examples of an epoch, the tasks' shares evened out by the temperature."""
        if self.config.temperature == 1.0:
            return inner(run, epoch)
        assert run.data is not None
        of = np.asarray(run.data.splits["train"][TASK])
        rows = {name: np.flatnonzero(of == name) for name in self.config.tasks}
        rows = {name: own for name, own in rows.items() if len(own)}
        sizes = epoch_sizes({name: len(own) for name, own in rows.items()}, self.config.temperature)
        return draw_epoch(rows, sizes, self.rng_at("order", epoch))

    @hookimpl
    def build_head(self, run: Run, data: TaskData) -> nn.Module:
        """The model of each task around one encoder, and the tasks' log variances if learnt."""
        model = self.tasks.build_head(run, data)
        if self.learnt:
            zeros = {name: nn.Parameter(torch.zeros(1)) for name in self.config.tasks}
            setattr(model, VARIANCES, nn.ParameterDict(zeros))
        return model

    @hookimpl
    def save_model(
        self, inner: Callable[..., None], run: Run, model: nn.Module, folder: Path
    ) -> None:
        """The tasks' models, and the log variances beside them."""
        inner(run, model, folder)
        if self.learnt:
            found: Any = getattr(model, VARIANCES)
            kept = {name: value.detach().cpu().contiguous() for name, value in found.items()}
            save_file(kept, folder / FILE)

    @hookimpl
    def load_model(self, inner: Callable[..., nn.Module], run: Run, folder: Path) -> nn.Module:
        """What `save_model` saved."""
        model = inner(run, folder)
        if self.learnt:
            found: Any = getattr(model, VARIANCES)
            with torch.no_grad():
                for name, value in load_file(folder / FILE).items():
                    found[name].copy_(value)
        return model

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """The features of each row for its task; of a request for all."""
        return self.tasks.encode(run, examples, training)

    @hookimpl
    def compute_loss(self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
        """The loss of the batch's task."""
        return self.tasks.compute_loss(run, model, batch)

    @hookimpl
    def loss_of(self, run: Run, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Loss:
        """The loss of the batch's task, a mean over its own items, times its weight."""
        name = self.tasks.name_of(batch)
        loss = self.tasks.loss_of(run, outputs, batch)
        if self.learnt:
            assert run.model is not None
            variances: Any = getattr(run.model, VARIANCES)
            variance = variances[name].clamp(-MOST, MOST).sum()
            weighed = loss.total * torch.exp(-variance) + variance * loss.items / 2
            loss = Loss(weighed, loss.items, loss.outputs, loss.parts)
        # A task with few items counts as much as one with many.
        return run.join({name: loss})

    @hookimpl
    def divergence(
        self,
        run: Run,
        outputs: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Tensor:
        """How far outputs of the batch's task are apart."""
        return self.tasks.divergence(run, outputs, other, batch)

    @hookimpl
    def infer(
        self, run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """What the heads of the batch's tasks answer, from one pass of the encoder."""
        return self.tasks.infer(run, model, batch)

    @hookimpl
    def decode(
        self,
        run: Run,
        outputs: Sequence[Mapping[str, Any]],
        examples: Mapping[str, list[Any]],
    ) -> Sequence[Mapping[str, Any]]:
        """Each task's prediction under its name."""
        return self.tasks.decode(run, outputs, examples)

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """The metrics of every task under its name, and the mean of their main ones."""
        if self.learnt and run.model is not None and predictions.split == "validation":
            variances: Any = getattr(run.model, VARIANCES)
            for name, value in variances.items():
                run.log(self, f"weight_{name}", float(torch.exp(-value.detach()).sum()))
        return self.tasks.evaluate(run, predictions)

    @hookimpl
    def read_request(self, run: Run, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """The request as every task reads it."""
        return self.tasks.read_request(run, request)

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """What every task takes."""
        return self.tasks.request_schema(run)
