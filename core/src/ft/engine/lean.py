"""The same training for less work on a processor.

On a CPU, PyTorch draws a dropout mask with a Mersenne twister, one number for each element, and
attention with dropout leaves the fast kernel for one that works in float32. What is here has the
same statistics: each element is dropped on its own with the same probability (to within 2 ** -17),
and what is kept is scaled so that the mean stays. And the gradient of a large table of embeddings
is a table as large, all zeros but for the rows of the batch; it can hold those rows alone.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "ft_lean"
"""Our attention's name among those of transformers."""

LEVELS = 1 << 16

LARGE = 1 << 20
"""Numbers in a table of embeddings from which on its rows are worth the trouble."""


def make_lean(model: nn.Module, *, rows: bool = True) -> None:
    """Prepare a model that trains on a CPU.

    Modules of type `torch.nn.Dropout` are replaced, and attention by `sdpa` too where the model is
    one of transformers. Parameters, their names and the saved configuration stay as they are.

    Args:
        model: with its head.
        rows: give large tables of embeddings sparse gradients, unless another module, such as an
            output layer, shares them.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout:
                setattr(module, name, LeanDropout(child.p, child.inplace))
    AttentionInterface.register(ATTENTION, lean_attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    users = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        config = getattr(module, "config", None)
        if config is not None and getattr(config, "_attn_implementation", None) == "sdpa":
            config._attn_implementation = ATTENTION
        if isinstance(module, nn.Embedding) and module.weight.numel() >= LARGE:
            alone = users[id(module.weight)] == 1 and not module.scale_grad_by_freq
            module.sparse = rows and alone


class LeanDropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014) with masks of 16 random bits an element."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop elements of the inputs, of any shape, while training."""
        if not self.training or self.p == 0 or self.p == 1:
            return super().forward(inputs)
        return inputs * mask(inputs, self.p)


def mask(like: Tensor, p: float) -> Tensor:
    """Zeros with probability ``p`` and ones scaled by ``1 / (1 - p)``; shape and type of ``like``.

    The seed of the bits comes from torch's generator, whose state is the only one there is.
    """
    count = like.numel()
    seed = int(torch.randint(2**63 - 1, ()))
    words = np.random.SFC64(seed).random_raw(-(-count // 4))
    bits = torch.from_numpy(words.view(np.int16)[:count])
    dropped = round(p * LEVELS)
    kept = bits.view(like.shape) >= dropped - LEVELS // 2
    return kept.to(like.dtype).mul_(LEVELS / (LEVELS - dropped))


def lean_attention(
    module: nn.Module,
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
        dropout: probability of each weight to be dropped; without it, torch's kernel is faster.
        scaling: factor on the scores; default: one over the square root of the size.
        settings: others, which are torch's to deal with.

    Returns:
        (batch, queries, heads, size), and nothing in place of the weights.
    """
    if not dropout or not _is_plain(module, query, key, attention_mask, settings):
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **settings
        )
        return output, None
    factor = 1 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    scores = (query * factor) @ key.transpose(-1, -2)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    weights = weights * mask(weights, dropout)
    return (weights @ value).transpose(1, 2).contiguous(), None


def _is_plain(
    module: nn.Module,
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
