"""Dropout for less work on a processor.

On a CPU, PyTorch draws a dropout mask with a Mersenne twister, one number for each element. What is
here has the same statistics for a quarter of the bits: each element is dropped on its own with the
same probability (to within 2 ** -17), and what is kept is scaled so that the mean stays. For the
gradient a byte an element is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LEVELS = 1 << 16


class LeanDropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014) with masks of 16 random bits an element."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop elements of the inputs, of any shape, while training."""
        if not self.training or self.p == 0 or self.p == 1:
            return super().forward(inputs)
        return dropped(inputs, self.p, draw_seed())


def draw_seed() -> int:
    """The seed of a mask, from torch's generator, whose state is the only one there is."""
    return int(torch.randint(2**63 - 1, ()))


def dropped(inputs: Tensor, p: float, seed: int) -> Tensor:
    """The inputs, each 0 with probability ``p`` and else multiplied by ``1 / (1 - p)``."""
    ones = kept(inputs.shape, p, seed)
    made: Tensor = Dropped.apply(inputs, ones, scale(p, inputs.dtype))  # type: ignore[no-untyped-call]
    return made


def kept(shape: torch.Size, p: float, seed: int) -> Tensor:
    """0 with probability ``p``, else 1; a byte each, which torch multiplies by faster than by a bool."""
    count = shape.numel()
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    ones = np.greater_equal(bits, round(p * LEVELS) - LEVELS // 2)
    return torch.from_numpy(ones.view(np.int8)).view(shape)


def scale(p: float, dtype: torch.dtype) -> float:
    """What is kept is multiplied by this, a number of its own type as in torch's dropout."""
    return float(torch.tensor(LEVELS / (LEVELS - round(p * LEVELS)), dtype=dtype))


class Dropped(torch.autograd.Function):
    """What is kept of the inputs, times a factor; the gradient needs nothing else."""

    @staticmethod
    def forward(inputs: Tensor, ones: Tensor, factor: float) -> Tensor:
        """The inputs, or 0."""
        return (inputs * ones).mul_(factor)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Remember what is kept."""
        _, ones, ctx.factor = inputs
        ctx.save_for_backward(ones)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient, or 0."""
        (ones,) = ctx.saved_tensors
        return (gradients[0] * ones).mul_(ctx.factor), None, None
