"""A technique whose passes need more memory than there is, above so many tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ft import Config, Loss, Plugin, hookimpl

PLENTY = 10**9


class HungryConfig(Config):
    """Tokens for which the memory is enough.

    Attributes:
        training: in a pass of training, which fails behind its backward pass.
        prediction: in a pass of prediction.
    """

    training: int = PLENTY
    prediction: int = PLENTY


class Hungry(Plugin):
    """Fails as torch does where memory runs out, after it has left traces."""

    Config = HungryConfig
    early_backward = True

    @hookimpl
    def build_head(self, inner: Callable[..., Any], run: Any, data: Any) -> Any:
        model = inner(run, data)

        def look(_: Any, __: Any, inputs: Mapping[str, Any]) -> None:
            if not model.training and inputs["input_ids"].numel() > self.config.prediction:
                raise torch.OutOfMemoryError("no memory is left")

        model.register_forward_pre_hook(look, with_kwargs=True)
        return model

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Any, model: Any, batch: Mapping[str, Any]
    ) -> Loss:
        loss = inner(run, model, batch)
        run.log(self, "drawn", self.rng.random())
        if batch["input_ids"].numel() > self.config.training:
            run.backward(loss)
            with (run.output / "failures").open("a") as stream:
                stream.write(f"{batch['input_ids'].numel()}\n")
            raise torch.OutOfMemoryError("no memory is left")
        return loss
