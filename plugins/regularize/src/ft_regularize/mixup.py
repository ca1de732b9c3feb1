"""Mixup of word embeddings (Zhang et al. 2018, arXiv 1710.09412; Guo et al. 2019, arXiv 1905.08941)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ft import Loss

PARTNER, SHARE = "keep_mixup_partner", "keep_mixup_share"
"""Columns of a mixed batch: whom each example is mixed with, and its own share."""


def mix(
    model: Any, batch: Mapping[str, Tensor], rng: np.random.Generator, alpha: float
) -> dict[str, Tensor]:
    """The batch with each example's embeddings mixed with those of another one.

    Args:
        model: with word embeddings, for ``input_ids`` (batch, tokens).
        batch: of a training step, whole.
        rng: for partners and the share.
        alpha: the larger, the more even are the two shares.
    """
    ids = batch["input_ids"]
    partner = torch.from_numpy(rng.permutation(len(ids))).to(ids.device)
    share = float(rng.beta(alpha, alpha))
    mixed = {name: value for name, value in batch.items() if name != "input_ids"}
    words = model.get_input_embeddings()(ids)
    mixed["inputs_embeds"] = share * words + (1 - share) * words[partner]
    if "attention_mask" in batch:
        mask = batch["attention_mask"]
        mixed["attention_mask"] = torch.maximum(mask, mask[partner])
    mixed[PARTNER] = partner
    mixed[SHARE] = torch.full_like(partner, share, dtype=torch.float32)
    return mixed


def mixed_loss(
    loss_of: Callable[[Mapping[str, Tensor]], Loss], batch: Mapping[str, Tensor]
) -> Loss:
    """The losses against an example's own answer and its partner's, by their shares.

    Args:
        loss_of: the loss against the answers of a batch.
        batch: as `mix` gives it.
    """
    partners = {name: value[batch[PARTNER]] for name, value in batch.items()}
    share = float(batch[SHARE][0])
    own, other = loss_of(batch).times(share), loss_of(partners).times(1 - share)
    each = None if own.each is None or other.each is None else own.each + other.each
    return replace(own, total=own.total + other.total, each=each)
