"""Faster layers on a CPU, as a technique around `build_head`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from ft.builtin.processor.layer import join_layers
from ft.builtin.processor.lean import make_lean
from ft.builtin.processor.linear import keep_cast, keep_still, keep_weights, narrow_in_float32
from ft.contract.plugin import Plugin, hookimpl
from ft.contract.schema import TaskData

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

WATCHED = ("build_optimizer", "on_gradients")
"""Hooks of plugins that look at gradients."""


class Processor(Plugin):
    """On a CPU the model gets layers that do the same for less work; elsewhere it is left alone."""

    @hookimpl
    def build_head(
        self, inner: Callable[..., nn.Module], run: LiveRun, data: TaskData
    ) -> nn.Module:
        """The model with faster dropout and attention, and sparse gradients of large tables."""
        model = inner(run, data)
        if run.device.type == "cpu" and isinstance(model, nn.Module):
            # Several processes add up gradients, which must be dense for that, and so must those of
            # an optimizer that a plugin gives.
            sparse = run.ranks.count == 1 and not run.hooks.customised("build_optimizer")
            make_lean(model, rows=sparse and not run.restored)
            if run.restored:
                narrow_in_float32(model)
                keep_weights(model)
        return model

    @hookimpl
    def on_features(self, run: LiveRun) -> None:
        """Have what stands still cast once. By now every technique has frozen what it freezes."""
        if run.device.type == "cpu" and isinstance(run.model, nn.Module):
            narrow_in_float32(run.model)
            keep_still(run.model)
            if _alone(run):
                keep_cast(run.model)
                join_layers(run.model)


def _alone(run: LiveRun) -> bool:
    """Whether nobody but the core and the task's loss looks at gradients, or is there in the midst of a step."""
    hooks = run.hooks
    return (
        run.ranks.count == 1
        and not any(hooks.customised(hook) for hook in WATCHED)
        and not any(hooks.wrapped(hook) for hook in ("compute_loss", "loss_of"))
    )
