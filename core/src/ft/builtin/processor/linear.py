"""Weights as a pass needs them, made once where they stay as they are.

Under autocast a linear layer casts its weights in every pass, and oneDNN puts them in the order that its kernels
read. For one short text that takes longer than the products themselves. A model that was loaded keeps what comes out.
In training, a layer that stands still keeps the cast alone, as long as the pass would keep it for its gradients.

In float32 PyTorch calls another library (MKL). On processors of AMD oneDNN is faster there too, but keeps a program for
each size of batch, hundreds of megabytes in a server.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ft.builtin.processor.once import once
from ft.engine.mapped import give_back
from ft.engine.optim.cast import CastLinear, takes

NARROW = 32
"""Outputs of the widest layer that counts as narrow."""
ATTENDING = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("q_lin", "k_lin", "v_lin"),
)
"""Names of the layers that give the queries, keys and values of an attention, in the order of their calls."""


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
    """A linear layer that prepares its weights once, not in each pass in bf16; its outputs are the same to the bit."""

    _kept: Kept | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in the format of autocast where that is on."""
        if torch.is_grad_enabled():
            self._kept = None  # a fused optimizer changes weights and does not count it as a change
            return super().forward(input)
        if not takes(self.weight, input):
            return super().forward(input)
        kept = self._kept
        key = (self.weight.data_ptr(), self.weight._version, *_state(self.bias))
        if kept is None or kept.key != key:
            kept = self._kept = self._keep(key)
        if not kept.packed:
            return functional.linear(input, kept.weight, kept.bias)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            once(input, "in_bf16", Tensor.bfloat16), kept.weight, kept.bias, "none", [], ""
        )
        return made

    def _keep(self, key: tuple[object, ...]) -> Kept:
        weight = self.weight.detach().bfloat16()
        bias = None if self.bias is None else self.bias.detach().bfloat16()
        packed = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        if packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        return Kept(key, weight, bias, packed)


class StillLinear(nn.Linear):
    """A linear layer of a model that learns, whose own weight does not: it is cast to bf16 once, not in each pass.

    Outputs and gradients are the same to the bit.
    """

    _kept: tuple[tuple[int, int], Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in the format of autocast where that is on."""
        mine = self.weight
        key = (mine.data_ptr(), mine._version)
        if mine.requires_grad or (self._kept is not None and self._kept[0] != key):
            self._kept = None
        if mine.requires_grad or not takes(mine, input):
            return super().forward(input)
        if self._kept is None:
            # Below the lowest layer that learns a pass throws the cast away at once.
            if not (torch.is_grad_enabled() and input.requires_grad):
                return super().forward(input)
            self._kept = key, mine.detach().bfloat16()
            give_back([mine])
        return functional.linear(input, self._kept[1], self.bias)


class NarrowLinear(nn.Linear):
    """A layer with few outputs, such as a head's, in float32 where the others of its pass are in bf16.

    Its products are a small part of a pass. In bf16 oneDNN would make programs for each number of rows that is new to
    it, which takes longer than the products, and logits would be rounded to eight bits.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """``x @ weight.T + bias``, in float32 under autocast too."""
        if not takes(self.weight, input):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return functional.linear(input.float(), self.weight, self.bias)


def _state(bias: Tensor | None) -> tuple[object, ...]:
    return () if bias is None else (bias.data_ptr(), bias._version)


def narrow_in_float32(model: nn.Module) -> None:
    """Let the linear layers of a model that have few outputs beside their inputs compute in float32."""
    for module in model.modules():
        if type(module) is nn.Linear and module.out_features <= min(
            NARROW, module.in_features // 8
        ):
            module.__class__ = NarrowLinear


def keep_weights(model: nn.Module) -> None:
    """Let the linear layers of a model that only predicts keep their weights as a pass needs them."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = KeptLinear


def keep_still(model: nn.Module) -> None:
    """Let the linear layers of a model that stand still while others learn cast their weights once."""
    for module in model.modules():
        if type(module) is nn.Linear and not module.weight.requires_grad:
            module.__class__ = StillLinear


def keep_cast(model: nn.Module) -> None:
    """Let the linear layers that learn, and that share their weights with none, keep them in bf16 too."""
    if not hasattr(Tensor, "grad_dtype"):  # before torch 2.10 a gradient has its parameter's type
        return
    users = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        if type(module) is nn.Linear and users[id(module.weight)] == 1:
            module.__class__ = CastLinear
            module.weight.grad_dtype = None  # of any type
    for module in model.modules():
        if getattr(getattr(module, "config", None), "is_encoder_decoder", False):
            continue  # may attend to another text, which key and value are called with
        for names in ATTENDING:
            layers = [getattr(module, name, None) for name in names]
            group = [layer for layer in layers if isinstance(layer, CastLinear)]
            alike = {(layer.in_features, layer.bias is None) for layer in group}
            if len(group) == len(names) and len(alike) == 1:
                group[0].group = tuple(group)
