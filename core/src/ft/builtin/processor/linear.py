"""Weights in the format of the pass, made once for a model that only predicts.

Under autocast a linear layer casts its weights in every pass, and oneDNN puts them in the order that its kernels
read. For one short text that takes longer than the products themselves. A model that was loaded keeps what comes out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Kept:
    """What a layer's weights were made into, and what they were then.

    Attributes:
        key: changes where the weights do.
        weight: in the format of the pass.
        bias: likewise.
        packed: the weight in oneDNN's order too.
    """

    key: tuple[object, ...]
    weight: Tensor
    bias: Tensor | None
    packed: bool


class KeptLinear(nn.Linear):
    """A linear layer that casts its weights once, not in each pass; its outputs are the same to the bit."""

    _kept: Kept | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in the format of autocast where that is on and nothing is learnt."""
        if torch.is_grad_enabled():
            self._kept = None  # a fused optimizer changes weights and does not count it as a change
        if not torch.is_autocast_enabled("cpu") or torch.is_grad_enabled():
            return super().forward(input)
        dtype = torch.get_autocast_dtype("cpu")
        if input.device.type != "cpu" or dtype != torch.bfloat16 or self.weight.is_inference():
            return super().forward(input)
        kept = self._kept
        key = (self.weight.data_ptr(), self.weight._version, *self._of(self.bias))
        if kept is None or kept.key != key:
            kept = self._kept = self._keep(key)
        if not kept.packed:
            return functional.linear(input, kept.weight, kept.bias)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            input.to(dtype), kept.weight, kept.bias, "none", [], ""
        )
        return made

    @staticmethod
    def _of(bias: Tensor | None) -> tuple[object, ...]:
        return () if bias is None else (bias.data_ptr(), bias._version)

    def _keep(self, key: tuple[object, ...]) -> Kept:
        weight = self.weight.detach().to(torch.bfloat16)
        bias = None if self.bias is None else self.bias.detach().to(torch.bfloat16)
        packed = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        if packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        return Kept(key, weight, bias, packed)


def keep_weights(model: nn.Module) -> None:
    """Let the linear layers of a model that only predicts keep their weights as a pass needs them."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = KeptLinear
