"""Linear layers that learn, whose weights the optimizer casts to bf16 as it writes them.

Under autocast a pass casts every weight anew, and casts its gradient back. What is here keeps a copy in bf16 beside the
weight, which stays the parameter, and leaves the gradient in bf16 for the optimizer to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

LOW = torch.bfloat16


class CastLinear(nn.Linear):
    """A linear layer that learns; its outputs are those of `torch.nn.Linear` under autocast to the bit.

    Attributes:
        active: a step of the core is under way: nobody but the core's optimizer looks at the gradient of the weight.
        group: this layer and those that are called behind it with the same inputs, as key and value are behind the query
            of an attention to itself. This one computes the outputs of all in one product.
    """

    active: bool = False
    group: tuple[CastLinear, ...] = ()
    _cast: Tensor | None = None
    _casts: Tensor | None = None
    _parts: Sequence[Tensor] = ()
    _keys: tuple[tuple[int, int], ...] = ()
    _ahead: tuple[Tensor, int, Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in the format of autocast where that is on."""
        ahead, self._ahead = self._ahead, None
        if not self.learns(input):
            return super().forward(input)
        if ahead is not None and ahead[0] is input and ahead[1] == input._version:
            return ahead[2]
        layers = self.group if all(one.learns(input) for one in self.group) else ()
        layers = layers or (self,)
        casts = self.casts_of(layers)
        biases = [layer.bias for layer in layers]
        with torch.autocast("cpu", enabled=False):
            low = input.to(LOW)
            made = Product.apply(low, casts, *(layer.weight for layer in layers), *biases)  # type: ignore[no-untyped-call]
        for layer, output in zip(layers[1:], made[1:], strict=True):
            layer._ahead = input, input._version, output
        first: Tensor = made[0]
        return first

    def learns(self, input: Tensor) -> bool:  # noqa: A002
        """Whether a pass is one of a step, whose gradients the optimizer takes in bf16."""
        learns = self.active and torch.is_grad_enabled() and self.weight.requires_grad
        return learns and takes(self.weight, input)

    def casts_of(self, layers: Sequence[CastLinear]) -> Tensor:
        """The weights of layers in bf16, one below the other."""
        keys = tuple((layer.weight.data_ptr(), layer.weight._version) for layer in layers)
        known = zip(layers, self._parts, strict=False)
        # A layer that was called by itself meanwhile has a copy of its own, which is the one that is kept up to date.
        if self._casts is None or self._keys != keys or any(one._cast is not p for one, p in known):
            weights = [layer.weight.detach().to(LOW) for layer in layers]
            self._casts = torch.cat(weights) if len(layers) > 1 else weights[0]
            self._keys = keys
            self._parts = torch.split(self._casts, [len(weight) for weight in weights])
            for layer, part in zip(layers, self._parts, strict=True):
                layer._cast = part
        return self._casts

    def written(self, *, near: bool) -> None:
        """The optimizer has written the weight, which may still be near the processor: then its copy follows at once."""
        if near and self._cast is not None:
            self._cast.copy_(self.weight.detach())
        else:
            self._cast = self._casts = None
            self._parts = ()

    def finish(self) -> None:
        """The step is over: what was computed ahead and not asked for is let go."""
        self.active, self._ahead = False, None


class Product(torch.autograd.Function):
    """``x @ weight.T + bias`` of layers in bf16; the gradients of weights are left in bf16 where they are the first."""

    @staticmethod
    def forward(states: Tensor, casts: Tensor, *parameters: Tensor | None) -> tuple[Tensor, ...]:
        """The outputs of each layer, (..., outputs).

        Args:
            states: (..., inputs), in bf16.
            casts: the weights in bf16, one below the other, (outputs of all, inputs).
            parameters: the weight of each layer, (outputs, inputs), whose gradient is wanted; then the bias of each,
                (outputs,), or ``None`` for all.
        """
        weights, biases = _halves(parameters)
        flat = states.reshape(-1, states.shape[-1])
        some = [bias for bias in biases if bias is not None]
        if some:
            bias = (torch.cat(some) if len(some) > 1 else some[0]).to(LOW)
            made = torch.addmm(bias, flat, casts.t())
        else:
            made = flat @ casts.t()
        made = made.view(*states.shape[:-1], len(casts))
        sizes = [len(weight) for weight in weights]
        return torch.split(made, sizes, -1) if len(sizes) > 1 else (made,)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Remember the states, the weights and their copies."""
        states, casts, *parameters = inputs
        ctx.save_for_backward(states, casts, *_halves(parameters)[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradients of states, weights and biases."""
        states, casts, *weights = ctx.saved_tensors
        again = torch.is_grad_enabled()
        if again:  # a gradient of these gradients is asked for
            casts = torch.cat([weight.to(LOW) for weight in weights])
        sizes = [len(weight) for weight in weights]
        each = [one.reshape(-1, size) for one, size in zip(gradients, sizes, strict=True)]
        gradient = torch.cat(each, 1) if len(each) > 1 else each[0]
        of_states = None
        of_weights: Sequence[Tensor | None] = [None] * len(weights)
        of_biases: Sequence[Tensor | None] = [None] * len(weights)
        wanted = ctx.needs_input_grad
        if wanted[0]:
            of_states = (gradient @ casts).view(states.shape)
        if any(wanted[2 : 2 + len(weights)]):
            of_all = gradient.t() @ states.reshape(-1, states.shape[-1])
            of_weights = torch.split(of_all, sizes)
            if not again:
                of_weights = list(map(added, of_weights, weights))
        if any(wanted[2 + len(weights) :]):
            of_bias = gradient.sum(0)
            of_biases = torch.split(of_bias, sizes)
        return of_states, None, *of_weights, *of_biases


def _halves(parameters: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The weights of layers, and their biases."""
    half = len(parameters) // 2
    return parameters[:half], parameters[half:]


def added(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a weight as it is added up: a sum over several passes is one of float32."""
    if weight.grad is None:
        return gradient
    weight.grad = weight.grad.float()
    return gradient.float()


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
            layer.finish()
