"""Multi-sample dropout (Inoue 2019, arXiv 1905.09788): several masks before the head, one encoder pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ft import ConfigError, Loss


class Samples:
    """The logits of a head under several masks of the dropout before it, while training.

    What the head returns is their mean.

    Args:
        model: a model whose head is a linear layer behind a dropout.
        count: masks.

    Raises:
        ConfigError: there is no dropout before the head.
    """

    def __init__(self, model: Any, count: int) -> None:
        inside = {id(one) for one in getattr(model, "base_model", nn.Module()).modules()}
        outside = [one for one in model.modules() if id(one) not in inside]
        heads = [one for one in outside if isinstance(one, nn.Linear)]
        dropouts = [one for one in outside if isinstance(one, nn.Dropout) and one.p > 0]
        if not heads or not dropouts:
            raise ConfigError(
                f"the model, a {type(model).__name__}, has no dropout before its head",
                hint="leave dropout_samples out for this model",
            )
        self.count = count
        self._dropout = dropouts[-1]
        self._input: Tensor | None = None
        self._given: tuple[Tensor, list[Tensor]] | None = None
        self._dropout.register_forward_hook(self._keep)
        heads[-1].register_forward_hook(self._sample)

    def _keep(self, module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        self._input = given[0] if module.training else None

    def _sample(self, head: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inputs, self._input = self._input, None
        if inputs is None or not head.training or inputs.shape != given[0].shape:
            return output
        weight, bias = head.weight, head.bias
        samples = [output]
        for _ in range(self.count - 1):
            masked = type(self._dropout).forward(self._dropout, inputs)
            samples.append(nn.functional.linear(masked, weight, bias))  # type: ignore[arg-type]
        mean = torch.stack(samples).mean(0)
        self._given = mean, samples
        return mean

    def loss(
        self, loss_of: Callable[[Mapping[str, Tensor]], Loss], outputs: Mapping[str, Tensor]
    ) -> Loss:
        """The mean of the losses under each mask; that of the outputs where they are none of these.

        Args:
            loss_of: the loss of outputs.
            outputs: of a pass; their ``logits`` are the mean.
        """
        logits = outputs.get("logits")
        if self._given is None or logits is None or logits.shape != self._given[0].shape:
            return loss_of(outputs)
        mean, samples = self._given
        if not torch.equal(logits.float(), mean.float()):
            return loss_of(outputs)
        losses = [loss_of({**outputs, "logits": one}).times(1 / self.count) for one in samples]
        each = [one.each for one in losses]
        total = torch.stack([one.total for one in losses]).sum()
        known = [one for one in each if one is not None]
        whole = torch.stack(known).sum(0) if len(known) == len(each) else None
        return replace(losses[0], total=total, each=whole, outputs=outputs)
