"""Scaled dot-product attention for less work on a processor.

PyTorch's fast kernel for a CPU takes its time for each head of each text, however short it is, more
of it in the backward pass, and leaves dropout to another one. Products of many small matrices
at once take a fraction of that for texts of the usual length. For long texts, where the weights are
many, a few texts at a time are attended to, and in training the weights are computed again in the
backward pass rather than kept (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from ft.builtin.processor.dropout import Mask, draw_seed, masked
from ft.builtin.processor.once import once

SHORT = 96
"""Queries and keys up to which attention that is not trained takes less time here than there."""

SHORT_TRAINED = 192
"""The same in training without dropout."""

AT_ONCE = 1 << 18
"""Weights of a module at a time, at 4 bytes each: few enough to stay near the processor."""

KEPT = 1 << 22
"""Weights of a module that training keeps; it computes more of them again."""

LOWEST = torch.finfo(torch.float32).min
"""Added to the score of a key that is not seen."""

VECTOR = 16
"""Numbers below which torch's softmax over a row takes them one by one."""


def lean_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention (Vaswani et al. 2017) with dropout of its weights.

    Args:
        module: whose attention it is.
        query: (batch, heads, queries, size).
        key: (batch, heads, keys, size).
        value: as ``key``.
        attention_mask: (batch or 1, heads or 1, queries, keys), true where a key may be seen.
        dropout: probability of each weight to be dropped.
        scaling: factor on the scores; default: one over the square root of the size.
        settings: others, which are torch's to deal with.

    Returns:
        (batch, queries, heads, size), and nothing in place of the weights.
    """
    trained = torch.is_grad_enabled() and any(one.requires_grad for one in (query, key, value))
    longest = max(query.shape[2], key.shape[2])
    suits = dropout > 0 or longest <= (SHORT_TRAINED if trained else SHORT)
    if not suits or not _is_plain(module, query, key, attention_mask, settings):
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **settings
        )
        return output, None
    factor = 1 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    if trained or dropout:
        if attention_mask is not None:
            attention_mask = attention_mask.expand(len(query), -1, -1, -1)
        return _trained(query * factor, key, value, attention_mask, dropout), None
    hidden = None
    if attention_mask is not None:
        hidden = once(attention_mask, "hidden", hidden_of).expand(len(query), -1, -1, -1)
    with torch.autocast(query.device.type, enabled=False):  # which would round the scores
        return _predicted(query, key, value, hidden, factor), None


def _trained(
    query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, dropout: float
) -> Tensor:
    """Attention that autograd can follow; of long texts the weights are not kept."""
    weights = query.shape[:3].numel() * key.shape[2]
    if weights <= KEPT:
        output = _attend(query, key, value, attention_mask, dropout, draw_seed() if dropout else 0)
        return output.transpose(1, 2).contiguous()
    step = max(1, KEPT // 4 * len(query) // weights)
    parts = [
        checkpoint(
            _attend,
            query[begin : begin + step],
            key[begin : begin + step],
            value[begin : begin + step],
            None if attention_mask is None else attention_mask[begin : begin + step],
            dropout,
            draw_seed() if dropout else 0,
            use_reentrant=False,
            preserve_rng_state=False,  # the seed says it all
        )
        for begin in range(0, len(query), step)
    ]
    return torch.cat(parts).transpose(1, 2).contiguous()


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float,
    seed: int,
) -> Tensor:
    """Values by their weights, (batch, heads, queries, size), for queries that are scaled."""
    kind = query.device.type
    states = [query, key, value]
    if torch.is_autocast_enabled(kind):  # as it would cast for a product of its own
        states = [one.to(torch.get_autocast_dtype(kind)) for one in states]
    shape = torch.Size((*query.shape[:3], key.shape[2]))
    drawn = Mask.drawn(shape, dropout, seed, states[2].dtype) if dropout else None
    made: Tensor = Attended.apply(  # type: ignore[no-untyped-call]
        *(one.flatten(0, 1) for one in states),
        attention_mask,
        *(
            (None, None)
            if drawn is None
            else (drawn.scaled.flatten(0, 1), drawn.ones.flatten(0, 1))
        ),
        1.0 if drawn is None else drawn.factor,
    )
    return made.view(*shape[:3], value.shape[-1])


class Attended(torch.autograd.Function):
    """Values by the softmax of scores, of which the weights before dropout are kept for the gradient.

    The softmax is one of float32: in bf16 torch takes several times as long for rows that do not fill its registers.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        scaled: Tensor | None,
        ones: Tensor | None,
        factor: float,
    ) -> Tensor:
        """(texts * heads, queries, size).

        Args:
            ctx: what the gradient needs.
            query: (texts * heads, queries, size), scaled.
            key: (texts * heads, keys, size).
            value: as ``key``.
            mask: (texts, heads or 1, queries, keys), true where a key may be seen; ``None`` shows all.
            scaled: (texts * heads, queries, keys), as of `Mask`; ``None`` where dropout drops no weights.
            ones: as of `Mask`; what is kept for the gradient.
            factor: as of `Mask`.
        """
        weights = weights_of(query, key, None if mask is None else hidden_of(mask))
        ctx.save_for_backward(query, key, value, mask, ones, weights)
        ctx.factor = factor
        return torch.bmm(_left(weights, scaled, factor), value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradients of queries, keys and values."""
        query, key, value, mask, ones, weights = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        if torch.is_grad_enabled():  # a gradient of these gradients is asked for
            weights = weights_of(query, key, None if mask is None else hidden_of(mask))
            made = _left(weights, ones, ctx.factor) @ value
            found = torch.autograd.grad(made, (query, key, value), gradient, create_graph=True)
            return *found, None, None, None, None
        left = _left(weights, ones, ctx.factor)
        made = gradients_of(gradient, query, key, value, weights, left)
        return *made, None, None, None, None


def weights_of(query: Tensor, key: Tensor, hidden: Tensor | None) -> Tensor:
    """The softmax of scores, (texts * heads, queries, keys), in the queries' type.

    Args:
        query: (texts * heads, queries, size), scaled.
        key: (texts * heads, keys, size).
        hidden: what is added to the scores, (texts, heads or 1, queries or 1, keys), in float32.
    """
    scores = _wide(query @ key.transpose(1, 2))
    if hidden is not None:
        scores.view(len(hidden), -1, *scores.shape[1:]).add_(hidden)
    return scores.softmax(-1).to(query.dtype)


def gradients_of(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Tensor,
    left: Tensor,
    out: Sequence[Tensor | None] = (None, None, None),
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of queries that are scaled, of keys and of values.

    Args:
        gradient: of the output, (texts * heads, queries, size).
        query: (texts * heads, queries, size), scaled.
        key: (texts * heads, keys, size).
        value: as ``key``.
        weights: of `weights_of`.
        left: what dropout left of them, times its factor.
        out: where they shall be.
    """
    of_value = torch.bmm(left.transpose(1, 2), gradient, out=out[2])
    # The gradient of a softmax w is w * (g - sum(g * w)), and of w * g dropout leaves what it leaves of w.
    whole = _wide(torch.bmm(gradient, value.transpose(1, 2)).mul_(left))
    of_scores = whole.addcmul_(_wide(weights), whole.sum(-1, keepdim=True), value=-1)
    of_scores = of_scores.to(query.dtype)
    of_query = torch.bmm(of_scores, key, out=out[0])
    return of_query, torch.bmm(of_scores.transpose(1, 2), query, out=out[1]), of_value


def _wide(values: Tensor) -> Tensor:
    """In float32 or wider."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def hidden_of(mask: Tensor) -> Tensor:
    """What a score is added to: torch adds faster than it fills in."""
    return torch.zeros(mask.shape).masked_fill_(~mask, LOWEST)


def _left(weights: Tensor, dropped: Tensor | None, factor: float) -> Tensor:
    """What dropout leaves of the weights."""
    return weights if dropped is None else masked(weights, dropped, factor)


def _predicted(
    query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None, factor: float
) -> Tensor:
    """Attention without gradients, in float32, of a part of the texts at a time."""
    batch, heads, queries, size = query.shape
    output = query.new_empty(batch, queries, heads, size)
    step = max(1, AT_ONCE // (heads * queries * key.shape[2]))
    for begin in range(0, batch, step):
        part = slice(begin, begin + step)
        scores = torch.bmm(_by_head(query[part]).mul_(factor), _by_head(key[part]).transpose(1, 2))
        if hidden is not None:
            scores.view(-1, heads, *scores.shape[1:]).add_(hidden[part])
        found = torch.bmm(_softmax(scores), _by_head(value[part]))
        output[part] = found.view(-1, heads, queries, size).transpose(1, 2)
    return output


def _by_head(states: Tensor) -> Tensor:
    """A copy in float32, (texts * heads, positions, size), each head's states next to each other."""
    made = torch.empty(states.shape, dtype=torch.float32, device=states.device)
    return made.copy_(states).flatten(0, 1)


def _softmax(scores: Tensor) -> Tensor:
    """Softmax over the last dimension; the scores are gone after it."""
    if scores.shape[-1] >= VECTOR:
        return scores.softmax(-1)
    scores.sub_(scores.amax(-1, keepdim=True)).exp_()
    return scores.div_(scores.sum(-1, keepdim=True))


def _is_plain(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    attention_mask: Tensor | None,
    settings: dict[str, Any],
) -> bool:
    """Whether it is attention of every query to every key that the mask shows."""
    if any(settings.get(name) is not None for name in ("position_bias", "cache", "softcap")):
        return False
    if attention_mask is None:
        causal = settings.get("is_causal")
        if getattr(module, "is_causal", True) if causal is None else causal:
            return False
    elif attention_mask.dtype is not torch.bool:
        return False
    return query.shape[1] == key.shape[1]
