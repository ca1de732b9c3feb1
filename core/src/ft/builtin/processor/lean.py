"""The same training and prediction for less work on a processor.

Dropout and attention are ours, with the same statistics. And the gradient of a large table of
embeddings is a table as large, all zeros but for the rows of the batch; it can hold those rows alone.
"""

from __future__ import annotations

from collections import Counter

from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from ft.builtin.processor.attention import lean_attention
from ft.builtin.processor.dropout import LeanDropout

ATTENTION = "ft_lean"
"""Our attention's name among those of transformers."""

LARGE = 1 << 20
"""Numbers in a table of embeddings from which on its rows are worth the trouble."""


def make_lean(model: nn.Module, *, rows: bool = True) -> None:
    """Prepare a model for a CPU.

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
