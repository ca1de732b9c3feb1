"""One optimizer step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ft.engine.batches import Feature, collate, length, micro_batches
from ft.engine.optim import Optimizer
from ft.results import Loss

if TYPE_CHECKING:
    from ft.engine.run import Run


class NotFinite(Exception):
    """The loss or the gradient of a step is not finite; the weights are as they were."""


@dataclass
class Done:
    """What a step did.

    Attributes:
        sums: the summed loss, its parts and the items, by name; scalars on the device.
        tokens: real tokens.
        padded: tokens with padding.
    """

    sums: dict[str, Tensor]
    tokens: int = 0
    padded: int = 0

    def add(self, name: str, value: Tensor) -> None:
        """Add to a sum."""
        self.sums[name] = self.sums[name] + value if name in self.sums else value


class Step:
    """Forward, backward and update over one batch, in as many micro-batches as its tokens need.

    Args:
        run: the run, with its model.
        optimizer: of the model.
    """

    def __init__(self, run: Run, optimizer: Optimizer) -> None:
        assert run.model is not None
        self.run = run
        self.model = run.model
        self.optimizer = optimizer
        self.pad_id = run.tokenizer.pad_token_id or 0

    def __call__(self, features: list[Feature], factor: float) -> Done:
        """Take the step.

        Args:
            features: of the batch.
            factor: share of the peak learning rate.

        Raises:
            NotFinite: the loss or the gradient is not finite.
        """
        run = self.run
        done = Done({})
        items: Tensor | float = 0.0
        run.backpropagated = None
        for micro in micro_batches(features, run.config.max_tokens):
            items = items + self._backward(micro, done)
        items = torch.as_tensor(items, device=run.device)
        total = run.backpropagated
        assert total is not None
        if not bool(torch.isfinite(total)):
            raise NotFinite(f"the loss is {float(total)}")
        if bool(items > 0):
            norm = self.optimizer.step(items, factor)
            if not bool(torch.isfinite(norm)):
                raise NotFinite(f"the gradient's norm is {float(norm)}")
        self.optimizer.zero()
        done.add("loss", total)
        done.add("items", items)
        return done

    def _backward(self, micro: list[Feature], done: Done) -> Tensor | float:
        """The gradients of a micro-batch; returns its items."""
        run = self.run
        batch = {
            k: v.to(run.device, non_blocking=True) for k, v in collate(micro, self.pad_id).items()
        }
        with run.accelerator.autocast():
            loss: Loss = run.hooks.call("compute_loss", run, self.model, batch)
        run.backward(loss)
        for name, part in loss.parts.items():
            done.add(name, part.detach())
        done.tokens += sum(map(length, micro))
        done.padded += len(micro) * max(map(length, micro))
        return loss.items
