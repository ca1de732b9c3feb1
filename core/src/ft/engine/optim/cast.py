"""Linear layers that learn, whose weights the optimizer casts to bf16 as it writes them.

Under autocast a pass casts every weight anew, and casts its gradient back. What is here keeps a copy in bf16 beside the
weight, which stays the parameter, and leaves the gradient in bf16 for the optimizer to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

LOW = torch.bfloat16


class CastLinear(nn.Linear):
    """A linear layer that learns; its outputs are those of `torch.nn.Linear` under autocast to the bit.

    Attributes:
        active: a step of the core is under way: nobody but the core's optimizer looks at the gradient of the weight.
    """

    active: bool = False
    _cast: Tensor | None = None
    _key: tuple[int, int] | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in the format of autocast where that is on."""
        mine = self.weight
        learns = self.active and torch.is_grad_enabled() and mine.requires_grad
        if not (learns and takes(mine, input)):
            return super().forward(input)
        key = (mine.data_ptr(), mine._version)
        if self._cast is None or self._key != key:
            self._cast, self._key = mine.detach().to(LOW), key
        with torch.autocast("cpu", enabled=False):
            low = input.to(LOW)
            made: Tensor = Product.apply(low, mine, self.bias, self._cast)  # type: ignore[no-untyped-call]
        return made

    def written(self, *, near: bool) -> None:
        """The optimizer has written the weight, which may still be near the processor: then its copy follows at once."""
        if near and self._cast is not None:
            self._cast.copy_(self.weight.detach())
        else:
            self._cast = None


class Product(torch.autograd.Function):
    """``x @ weight.T + bias`` in bf16; the gradient of the weight is left in bf16 where it is the first."""

    @staticmethod
    def forward(states: Tensor, weight: Tensor, bias: Tensor | None, cast: Tensor) -> Tensor:
        """(..., outputs).

        Args:
            states: (..., inputs), in bf16.
            weight: (outputs, inputs), whose gradient is wanted.
            bias: (outputs,).
            cast: the weight in bf16.
        """
        flat = states.reshape(-1, states.shape[-1])
        made = flat @ cast.t() if bias is None else torch.addmm(bias.to(LOW), flat, cast.t())
        return made.view(*states.shape[:-1], len(cast))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Remember the states, the weight and its copy."""
        states, weight, _, cast = inputs
        ctx.save_for_backward(states, weight, cast)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradients of states, weight and bias."""
        states, weight, cast = ctx.saved_tensors
        again = torch.is_grad_enabled()
        if again:  # a gradient of these gradients is asked for
            cast = weight.to(LOW)
        gradient = gradients[0].reshape(-1, len(cast))
        of_states = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_states = (gradient @ cast).view(states.shape)
        if ctx.needs_input_grad[1]:
            of_weight = gradient.t() @ states.reshape(-1, states.shape[-1])
            if weight.grad is not None and not again:  # a sum over several passes is one of float32
                weight.grad = weight.grad.float()
                of_weight = of_weight.float()
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum(0)
        return of_states, of_weight, of_bias, None


def takes(weight: Tensor, input: Tensor) -> bool:  # noqa: A002
    """Whether a pass is one in bf16 on a processor, for which a weight is cast; what is traced is not."""
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    return (
        torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == LOW
        and (input.device.type, weight.device.type, weight.dtype) == ("cpu", "cpu", torch.float32)
        and not weight.is_inference()
    )


def forget_casts(model: nn.Module) -> None:
    """Free the copies of the weights of a model that has learned."""
    for module in model.modules():
        if isinstance(module, CastLinear):
            module.written(near=False)


@contextmanager
def stepping(layers: Iterable[CastLinear]) -> Iterator[None]:
    """A step of the core's, in which these layers may leave gradients in bf16."""
    for layer in layers:
        layer.active = True
    try:
        yield
    finally:
        for layer in layers:
            layer.active = False
