"""A layer of an encoder as one operation of autograd, for training on a processor.

A layer of BERT's kind is some sixty small operations and their gradients, between which one core waits for Python. What
is here calls the same kernels with nothing between them: outputs and gradients are those of the modules to the bit. The
modules stay, and compute whatever is not a plain step of training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import _has_any_global_hook
from transformers.activations import GELUActivation

from ft.builtin.processor.attention import KEPT, gradients_of, hidden_of, weights_of
from ft.builtin.processor.dropout import LeanDropout, Mask, draw_seed
from ft.builtin.processor.lean import ATTENTION
from ft.builtin.processor.once import once
from ft.engine.optim.cast import LOW, CastLinear, added

KNOWN = [
    f"transformers.models.{name}.modeling_{name}"
    for name in ("bert", "roberta", "xlm_roberta", "camembert", "electra")
]
"""Modules of transformers whose layers are BERT's."""

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class JoinedLayer(nn.Module):
    """Stands before the class of a layer, and computes it in one operation in a step of training."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        *others: Any,
        **settings: Any,
    ) -> Any:
        """The states after the layer, (texts, tokens, size), from those before it."""

        def modules(states: Tensor) -> Any:
            return super(JoinedLayer, self).forward(states, attention_mask, *others, **settings)

        parts = LayerModules.of(self) if self.training else None
        given = any(one is not None for one in (*others, *settings.values()))
        if parts is None or given or not parts.suit(hidden_states, attention_mask):
            return modules(hidden_states)
        return parts.apply(hidden_states, attention_mask, modules)

    def __reduce__(self) -> Any:
        """What is copied or pickled is a layer of its own class."""
        return _new, (type(self).__mro__[2],), vars(self)


class LayerModules:
    """The modules of a layer, as they are now.

    Args:
        layer: of a class in one of `KNOWN`.
    """

    def __init__(self, layer: Any) -> None:
        attention, inner, output = layer.attention, layer.intermediate, layer.output
        own, out = attention.self, attention.output
        self.group = [own.query, own.key, own.value]
        self.linear = [*self.group, out.dense, inner.dense, output.dense]
        self.norms = [out.LayerNorm, output.LayerNorm]
        self.drops = [own.dropout, out.dropout, output.dropout]
        self.activation = inner.intermediate_act_fn
        self.around = [attention, own, out, inner, output]
        self.heads, self.scaling = own.num_attention_heads, own.scaling
        lean = own.config._attn_implementation == ATTENTION and not own.is_causal
        self.plain = lean and not (layer.is_decoder or layer.chunk_size_feed_forward)

    @classmethod
    def of(cls, layer: nn.Module) -> Self | None:
        """Those of a layer; ``None`` where one of them is not there, as with a module that somebody has replaced."""
        try:
            return cls(layer)
        except AttributeError:
            return None

    def suit(self, states: Tensor, mask: Tensor | None) -> bool:
        """Whether a pass is one that `EncoderLayer` computes, in a step in which nobody looks into the layer."""
        texts, tokens = states.shape[:2]
        inside = (*self.around, *self.linear, *self.norms, *self.drops, self.activation)
        return (
            self.plain
            and states.dtype == torch.float32
            and texts * tokens * tokens * self.heads <= KEPT
            and (mask is None or (mask.ndim == 4 and mask.dtype == torch.bool))
            and type(self.activation) is GELUActivation
            and all(type(one) is CastLinear and one.learns(states) for one in self.linear)
            and self.group[0].group == tuple(self.group)
            and all(type(one) is nn.LayerNorm and _learns(one.weight) for one in self.norms)
            and all(_learns(one.bias) for one in (*self.linear, *self.norms))
            and all(type(one) is LeanDropout and one.p < 1 for one in self.drops)
            and not _has_any_global_hook()  # type: ignore[no-untyped-call]
            and not any(map(_watched, inside))
        )

    def apply(
        self, states: Tensor, mask: Tensor | None, modules: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The layer's output, (texts, tokens, size).

        Args:
            states: (texts, tokens, size).
            mask: true where a key may be seen, (texts or 1, 1, tokens or 1, tokens).
            modules: what the modules make of states.
        """
        hidden = None
        if mask is not None:
            hidden = once(mask, "hidden", hidden_of).expand(len(states), -1, -1, -1)
        setup = LayerSetup(
            heads=self.heads,
            scaling=self.scaling,
            dropped=[one.p for one in self.drops],
            eps=[one.eps for one in self.norms],
            modules=modules,
            generator=torch.get_rng_state(),
        )
        products = (self.group, *([one] for one in self.linear[3:]))
        casts = [layers[0].casts_of(layers) for layers in products]
        parameters = [one.weight for one in (*self.linear, *self.norms)]
        parameters += [one.bias for one in (*self.linear, *self.norms)]
        with torch.autocast("cpu", enabled=False):
            made: Tensor = EncoderLayer.apply(states, hidden, setup, *casts, *parameters)  # type: ignore[no-untyped-call]
        return made


@dataclass(frozen=True)
class LayerSetup:
    """What a layer is beside its parameters.

    Attributes:
        heads: of its attention.
        scaling: factor on the scores.
        dropped: the share that dropout drops of weights of attention, of attention's output and of the layer's.
        eps: of the two norms.
        modules: what its modules make of states.
        generator: the state of torch's generator before the pass.
    """

    heads: int
    scaling: float
    dropped: Sequence[float]
    eps: Sequence[float]
    modules: Callable[[Tensor], Tensor]
    generator: Tensor

    def again(self, states: Tensor) -> Tensor:
        """The pass by its modules, with the same random numbers."""
        now = torch.get_rng_state()
        torch.set_rng_state(self.generator)
        try:
            with torch.autocast("cpu", LOW):
                return self.modules(states)
        finally:
            torch.set_rng_state(now)


class EncoderLayer(torch.autograd.Function):
    """Attention, and what is fed forward, each added to its input and normalised (Vaswani et al. 2017, Devlin et al. 2019)."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        hidden: Tensor | None,
        setup: LayerSetup,
        *tensors: Tensor,
    ) -> Tensor:
        """The states after the layer, (texts, tokens, size), in float32.

        Args:
            ctx: what the gradient needs.
            states: (texts, tokens, size), in float32.
            hidden: what is added to scores of attention, (texts, 1, tokens or 1, tokens); ``None`` shows all.
            setup: the rest of it.
            tensors: the weights in bf16, (outputs, inputs), of query, key and value one below the other, of attention's
                output, and of the two that are fed forward; the weights of these six and of two norms; their biases.
        """
        ctx.setup = setup
        (attending, *casts), _, norms, biases, shifts = _by_kind(tensors)
        texts, tokens, size = states.shape
        rows, heads = texts * tokens, setup.heads
        flat = states.reshape(rows, size)
        made = torch.addmm(torch.cat(list(biases[:3])).to(LOW), flat.to(LOW), attending.t())
        each = made.view(texts, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4).contiguous()
        query, key, value = each.flatten(1, 2)
        query.mul_(setup.scaling)
        weights = weights_of(query, key, hidden)
        left = _dropped(weights, setup.dropped[0])
        made = torch.bmm(left, value).view(texts, heads, tokens, -1)
        mixed = made.transpose(1, 2).reshape(rows, -1)
        attended = torch.addmm(biases[3].to(LOW), mixed, casts[0].t())
        first_mask = _drop(attended, setup.dropped[1])
        normed, *of_first = torch.native_layer_norm(
            attended + flat, [size], norms[0], shifts[0], setup.eps[0]
        )
        inner = normed.to(LOW)
        up = torch.addmm(biases[4].to(LOW), inner, casts[1].t())
        active = functional.gelu(up)
        made = torch.addmm(biases[5].to(LOW), active, casts[2].t())
        second_mask = _drop(made, setup.dropped[2])
        last = normed.add_(made)
        output, *of_last = torch.native_layer_norm(last, [size], norms[1], shifts[1], setup.eps[1])
        kept = (each, weights, left, mixed, attended, first_mask, *of_first)
        kept += (inner, up, active, second_mask, last, *of_last)
        ctx.save_for_backward(states, *tensors, *kept)
        return output.view(states.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradients of the states and the parameters."""
        states, *saved = ctx.saved_tensors
        tensors, kept = saved[:20], saved[20:]
        parameters = tensors[4:]
        if torch.is_grad_enabled():  # a gradient of these gradients is asked for
            made = ctx.setup.again(states)
            inputs = (states, *parameters)
            asked = [one for one in inputs if one.requires_grad]
            found = iter(torch.autograd.grad(made, asked, gradients, create_graph=True))
            of_states, *others = [next(found) if one.requires_grad else None for one in inputs]
            return of_states, *[None] * 6, *others
        each, weights, left, mixed, attended, first_mask, *of_first = kept[:8]
        inner, up, active, second_mask, last, *of_last = kept[8:]
        (attending, *casts), learned, norms, _, shifts = _by_kind(tensors)
        texts, tokens, size = states.shape

        gradient, flat = gradients[0].reshape(-1, size), states.reshape(-1, size)
        whole, *second_norm = _of_norm(gradient, last, of_last, norms[1], shifts[1])
        of_active, *down = _of_product(_masked(whole, second_mask), active, casts[2])
        of_up = torch.ops.aten.gelu_backward(of_active, up)
        of_inner, *upward = _of_product(of_up, inner, casts[1])
        whole.add_(of_inner)
        whole, *first_norm = _of_norm(whole, attended + flat, of_first, norms[0], shifts[0])
        of_mixed, *outward = _of_product(_masked(whole, first_mask), mixed, casts[0])
        of_mixed = of_mixed.view(texts, tokens, ctx.setup.heads, -1).transpose(1, 2).flatten(0, 1)
        of_each = torch.empty_like(each)
        query, key, value = each.flatten(1, 2)
        gradients_of(
            *(of_mixed, query, key, value, weights, left),
            out=of_each.flatten(1, 2).unbind(),
        )
        of_each[0].mul_(ctx.setup.scaling)
        of_made = of_each.permute(1, 3, 0, 2, 4).reshape(len(flat), -1)
        of_low, weight, bias = _of_product(of_made, flat.to(LOW), attending)
        of_weights = [*weight.chunk(3), outward[0], upward[0], down[0]]
        of_biases = [*bias.chunk(3), outward[1], upward[1], down[1]]
        of_states = whole.add_(of_low).view(states.shape)
        return (
            of_states,
            *[None] * 6,
            *map(added, of_weights, learned),
            first_norm[0],
            second_norm[0],
            *of_biases,
            first_norm[1],
            second_norm[1],
        )


def _by_kind(tensors: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
    """The tensors of a layer: casts, weights of products and of norms, biases of products and of norms."""
    return tensors[:4], tensors[4:10], tensors[10:12], tensors[12:18], tensors[18:]


def _dropped(values: Tensor, p: float) -> Tensor:
    """What dropout leaves of values that are needed as they were."""
    return values * Mask.drawn(values.shape, p, draw_seed(), LOW).scaled if p else values


def _drop(values: Tensor, p: float) -> Tensor | None:
    """Drop values where they are; returns what they were multiplied by."""
    if not p:
        return None
    mask = Mask.drawn(values.shape, p, draw_seed(), LOW).scaled
    values.mul_(mask)
    return mask


def _masked(gradient: Tensor, mask: Tensor | None) -> Tensor:
    """The gradient of what dropout was given, in bf16, from that of what it left."""
    low = gradient.to(LOW)
    return low if mask is None else low.mul_(mask)


def _of_product(gradient: Tensor, states: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of states, weight and bias from that of their product, (tokens, outputs)."""
    found = torch.mm(gradient.t(), states), gradient.sum(0)
    return torch.mm(gradient, weight), *found


def _of_norm(
    gradient: Tensor, states: Tensor, found: Sequence[Tensor], weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of states, weight and bias of a norm, which found a mean and a deviation."""
    back = torch.ops.aten.native_layer_norm_backward
    made: tuple[Tensor, Tensor, Tensor] = back(
        gradient, states, [states.shape[-1]], *found, weight, bias, [True] * 3
    )
    return made


def _learns(parameter: Tensor | None) -> bool:
    return parameter is not None and parameter.requires_grad


def _watched(module: nn.Module) -> bool:
    """Whether somebody is told of the passes of a module, or computes them in its place."""
    of = vars(module)
    return "forward" in of or any(of[name] for name in HOOKS)


def _new(kind: type[nn.Module]) -> nn.Module:
    return kind.__new__(kind)


def join_layers(model: nn.Module) -> None:
    """Let the layers of an encoder that learns be one operation each, where their modules are known."""
    kinds: dict[type, type] = {}
    for module in list(model.modules()):
        kind = type(module)
        if kind.__module__ in KNOWN and kind.__name__.endswith("Layer"):
            if kind not in kinds:
                kinds[kind] = type(kind.__name__, (JoinedLayer, kind), {})
            module.__class__ = kinds[kind]
