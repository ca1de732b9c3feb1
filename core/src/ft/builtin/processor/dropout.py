"""Dropout for less work on a processor.

On a CPU, PyTorch draws a dropout mask with a Mersenne twister, one number for each element. What is
here has the same statistics for a quarter of the bits: each element is dropped on its own with the
same probability (to within 2 ** -17), and what is kept is scaled so that the mean stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

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
    mask = Mask.drawn(inputs.shape, p, seed, inputs.dtype)
    made: Tensor = Dropped.apply(inputs, mask.scaled, mask.factor)  # type: ignore[no-untyped-call]
    return made


@dataclass(frozen=True)
class Mask:
    """What dropout multiplies by.

    Attributes:
        ones: 0 for what is dropped and 1 for what is kept, a byte each.
        scaled: the same times the factor, in a type of two bytes, which torch multiplies by its like in half the time; for
            others ``ones`` again.
        factor: on what is kept, a number of the inputs' type as in torch's dropout.
    """

    ones: Tensor
    scaled: Tensor
    factor: float

    @classmethod
    def drawn(cls, shape: torch.Size, p: float, seed: int, dtype: torch.dtype) -> Self:
        """For inputs of a shape and type, each dropped with probability ``p``."""
        count = shape.numel()
        bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
        ones = np.greater_equal(bits, round(p * LEVELS) - LEVELS // 2)
        factor = torch.tensor(LEVELS / (LEVELS - round(p * LEVELS)), dtype=dtype)
        scaled = narrow = torch.from_numpy(ones.view(np.int8)).view(shape)
        if dtype.itemsize == 2:
            bits = ones * np.int16(factor.view(torch.int16).item())
            scaled = torch.from_numpy(bits).view(dtype).view(shape)
        return cls(narrow, scaled, float(factor))


def masked(values: Tensor, mask: Tensor, factor: float) -> Tensor:
    """What a mask leaves of values: ``scaled`` of a `Mask`, or its ``ones`` and then the factor."""
    made = values * mask
    return made if mask.dtype == values.dtype else made.mul_(factor)


class Dropped(torch.autograd.Function):
    """What is kept of the inputs, times a factor; the gradient needs nothing else."""

    @staticmethod
    def forward(inputs: Tensor, mask: Tensor, factor: float) -> Tensor:
        """The inputs, or 0."""
        return masked(inputs, mask, factor)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Remember what is kept."""
        _, mask, ctx.factor = inputs
        ctx.save_for_backward(mask)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient, or 0."""
        (mask,) = ctx.saved_tensors
        return masked(gradients[0], mask, ctx.factor), None, None
