"""The older model as teacher (Learning without Forgetting, Li & Hoiem 2016)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ft import Config, DataError, Loss, Plugin, Run, TaskData, Trained, hookimpl

LOGITS = "logits"


class LwFConfig(Config):
    """Settings of ``lwf``."""

    run: Path = Field(description="folder of the older run, whose model is the teacher")
    weight: float = Field(1.0, gt=0, description="factor on the divergence from the teacher")
    temperature: float = Field(
        2.0, gt=0, description="by which the logits of classes are divided before they are compared"
    )


class LwF(Plugin):
    """On the new examples the old classes keep the probabilities that the older model gives them.

    It needs no old examples. Each step has a forward pass of the teacher more.
    """

    Config: ClassVar[type[Config]] = LwFConfig
    config: LwFConfig
    needs_graph = True
    after = ("from_run",)

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._teacher: Trained | None = None
        self._places: Tensor | None = None

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """Load the teacher."""
        model: nn.Module = inner(run, data)
        if run.restored:
            return model
        teacher = self._teacher = run.load_trained(self.config.run)
        schema = data.schema
        names = schema.words.labels if schema.words else schema.label.names if schema.label else ()
        labels = teacher.labels if len(schema.targets) == 1 else ()
        lacking = [name for name in labels if name not in names]
        if lacking:
            raise DataError(
                f"the teacher knows classes that this run does not: {', '.join(lacking[:8])}",
                where=str(self.config.run),
                hint="name the plugin from_run too, which keeps them",
            )
        if labels:
            self._places = torch.tensor([names.index(name) for name in labels])
        sizes = [_vocabulary(one) for one in (model, teacher.model)]
        if sizes[0] != sizes[1]:
            raise DataError(
                f"the teacher has {sizes[1]} tokens, and this model {sizes[0]}: they read texts "
                "differently",
                where=str(self.config.run),
                hint="give --model the model folder of that run",
            )
        return model

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The loss, and how far the old classes are from what the teacher says."""
        loss = inner(run, model, batch)
        assert self._teacher is not None
        with torch.no_grad():
            # Of an older run that knew fewer classes the loss cannot be asked.
            aims = (
                run.loss(self._teacher.model, batch).outputs
                if self._places is None
                else _forward(self._teacher.model, batch)
            )
        ours, square = dict(loss.outputs), 1.0
        if self._places is not None and LOGITS in aims and LOGITS in ours:
            self._places = self._places.to(ours[LOGITS].device)
            degree = self.config.temperature
            ours[LOGITS] = ours[LOGITS].index_select(-1, self._places) / degree
            aims = {**aims, LOGITS: aims[LOGITS] / degree}
            square = degree**2
        apart = run.divergence(ours, aims, batch)
        return loss.plus(self.config.weight * square * apart, "lwf")


def _vocabulary(model: Any) -> int | None:
    table = getattr(model, "get_input_embeddings", lambda: None)()
    weight = getattr(table, "weight", None)  # that of images has none
    return None if weight is None else len(weight)


def _forward(model: nn.Module, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The outputs of the teacher for the inputs of a batch that it takes."""
    parameters = inspect.signature(model.forward).parameters
    whole = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    outputs: Mapping[str, Tensor] = model(
        **{
            name: value
            for name, value in batch.items()
            if not name.startswith(("labels", "keep_")) and (whole or name in parameters)
        }
    )
    return outputs
