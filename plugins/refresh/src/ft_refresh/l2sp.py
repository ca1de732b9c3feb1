"""A pull back to the weights that the training began with (L2-SP, Li et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ft import Config, Metric, Plugin, Run, TaskData, hookimpl
from ft_refresh.labels import merged
from ft_refresh.weights import Known, known, start_of


class L2SPConfig(Config):
    """Settings of ``l2sp``."""

    run: Path | None = Field(
        None,
        description="folder of the older run whose weights pull; default: the pre-trained ones",
    )
    weight: float = Field(
        0.01, ge=0, description="factor on half the squared distance to the old weights"
    )
    new: float = Field(
        0.01, ge=0, description="factor on half the squared norm of what is new, such as a head"
    )


class L2SP(Plugin):
    """Adds to the loss the squared distance to the old weights, and the norm of what is new.

    It takes the place of ``run.weight_decay``, needs no old examples, and memory for the weights
    once more.
    """

    Config: ClassVar[type[Config]] = L2SPConfig
    config: L2SPConfig
    after = ("from_run",)

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._old: dict[str, Known] = {}

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """No decay to zero beside the pull to the old weights."""
        return {"weight_decay": 0.0}

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """Keep the old weights."""
        model: nn.Module = inner(run, data)
        if not run.restored:
            self._old = old_weights(run, self.config.run, model, data)
        return model

    @hookimpl
    def on_gradients(self, run: Run, model: nn.Module) -> None:
        """Add the gradient of the distance."""
        for name, parameter in model.named_parameters():
            if parameter.grad is None:
                continue
            if parameter.grad.is_sparse:
                parameter.grad = self._sparse(name, parameter)
                continue
            old = self._at(name, parameter)
            with torch.no_grad():
                if old is None:
                    parameter.grad.add_(parameter, alpha=self.config.new)
                    continue
                pull = parameter * self.config.new
                within = old.within(parameter)
                old.within(pull).copy_(self.config.weight * (within - old.value))
                parameter.grad.add_(pull)

    def _sparse(self, name: str, parameter: Tensor) -> Tensor:
        """The gradient of an embedding table, of the rows that the batch uses."""
        assert parameter.grad is not None
        given = parameter.grad.coalesce()
        rows = given.indices()[0]
        old = self._at(name, parameter)
        with torch.no_grad():
            if old is None:
                pull = self.config.new * parameter[rows]
            else:
                pull = self.config.weight * (parameter[rows] - old.value[rows])
        return torch.sparse_coo_tensor(
            given.indices(),
            given.values() + pull,
            given.shape,
            is_coalesced=True,
            check_invariants=False,
        )

    def _at(self, name: str, parameter: Tensor) -> Known | None:
        old = self._old.get(name)
        if old is not None and old.value.device != parameter.device:
            old = self._old[name] = old.to(parameter.device)
        return old

    @hookimpl
    def on_epoch_end(self, run: Run, epoch: int, metrics: Mapping[str, Metric]) -> None:
        """Log how far the weights are from the old ones."""
        assert run.model is not None
        square = 0.0
        for name, parameter in run.model.named_parameters():
            old = self._at(name, parameter)
            if old is not None:
                apart = old.within(parameter.detach()) - old.value
                square += float(apart.float().square().sum())
        run.log(self, "distance", square**0.5)


def old_weights(
    run: Run, folder: Path | None, model: nn.Module, data: TaskData
) -> dict[str, Known]:
    """The weights of an older run, or where none is named the pre-trained ones.

    Raises:
        PluginError: the models do not fit each other.
    """
    if folder is None:
        return start_of(model)
    old = run.load_trained(folder)
    schema = data.schema
    names = schema.words.labels if schema.words else schema.label.names if schema.label else ()
    return known(model, old.model, (len(old.labels), len(merged(old.labels, names))))
