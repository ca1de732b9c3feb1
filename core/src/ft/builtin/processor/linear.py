"""Weights as a pass needs them, made once for a model that only predicts.

Under autocast a linear layer casts its weights in every pass, and oneDNN puts them in the order that its kernels
read. For one short text that takes longer than the products themselves. In float32 PyTorch calls another library (MKL),
which on processors of AMD takes about twice as long as oneDNN. A model that was loaded keeps what comes out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FORMATS = (torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class Kept:
    """What a layer's weights were made into, and what they were then.

    Attributes:
        key: changes where the weights do.
        weight: in the format of the pass.
        bias: likewise.
        packed: the weight is in oneDNN's order too.
    """

    key: tuple[object, ...]
    weight: Tensor
    bias: Tensor | None
    packed: bool


class KeptLinear(nn.Linear):
    """A linear layer that prepares its weights once, not in each pass.

    In bf16 its outputs are the same to the bit, in float32 to the rounding of the last digits.
    """

    _kept: Kept | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in the format of autocast where that is on."""
        if torch.is_grad_enabled():
            self._kept = None  # a fused optimizer changes weights and does not count it as a change
            return super().forward(input)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype
        if not self._takes(input, dtype):
            return super().forward(input)
        kept = self._kept
        key = (dtype, self.weight.data_ptr(), self.weight._version, *_state(self.bias))
        if kept is None or kept.key != key:
            kept = self._kept = self._keep(key, dtype)
        if not kept.packed:
            return functional.linear(input, kept.weight, kept.bias)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            input.to(dtype), kept.weight, kept.bias, "none", [], ""
        )
        return made

    def _takes(self, input: Tensor, dtype: torch.dtype) -> bool:  # noqa: A002
        """Whether the pass is one of those that weights are kept for; what is traced is not."""
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return False
        mine = self.weight
        return (
            (input.device.type, mine.device.type, mine.dtype) == ("cpu", "cpu", torch.float32)
            and dtype in FORMATS
            and not mine.is_inference()
            and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        )

    def _keep(self, key: tuple[object, ...], dtype: torch.dtype) -> Kept:
        weight = self.weight.detach().to(dtype)
        bias = None if self.bias is None else self.bias.detach().to(dtype)
        packed = dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        if packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        return Kept(key, weight, bias, packed)


def _state(bias: Tensor | None) -> tuple[object, ...]:
    return () if bias is None else (bias.data_ptr(), bias._version)


def keep_weights(model: nn.Module) -> None:
    """Let the linear layers of a model that only predicts keep their weights as a pass needs them."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = KeptLinear
