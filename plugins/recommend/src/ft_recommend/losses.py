"""Losses over candidates, and which candidates there are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from ft_recommend.settings import Negatives, RecommendConfig

ALL_UP_TO = 20_000
"""Items up to which a softmax over all of them is cheap."""

NEVER = -1e9


@dataclass(frozen=True)
class Candidates:
    """The items that a batch's users are scored on.

    Attributes:
        columns: (columns,) their rows in the catalogue.
        positions: (batch,) the column of each user's own item.
        log_chance: (columns,) log of how often an item is expected among them; ``None`` where all
            items are there.
        hidden: (batch, columns) True where a column counts for another user only; ``None``: nowhere.
    """

    columns: Tensor
    positions: Tensor
    log_chance: Tensor | None = None
    hidden: Tensor | None = None


def strategy(config: RecommendConfig, items: int) -> Negatives:
    """Which negatives ``auto`` means."""
    if config.negatives != "auto":
        return config.negatives
    return "all" if items <= ALL_UP_TO else "mixed"


def compares(config: RecommendConfig) -> bool:
    """Whether the loss compares the examples of a batch with each other."""
    if config.loss == "rating":
        return False
    return config.tuned_share > 0 or config.negatives not in ("all", "sampled")


def choose(targets: Tensor, popularity: Tensor, config: RecommendConfig, seed: int) -> Candidates:
    """The candidates of a batch.

    Args:
        targets: (batch,) rows of the users' own items.
        popularity: (items,) how often each item is liked in training.
        config: says which, how many, by which power of popularity.
        seed: of the sampling, the same in every pass over one batch.
    """
    items = len(popularity)
    how = strategy(config, items)
    if how == "all":
        return Candidates(torch.arange(items, device=targets.device), targets)
    batch = len(targets)
    own = torch.arange(batch, device=targets.device)
    expected = torch.zeros(items, device=targets.device)
    columns = targets
    if how != "in_batch":
        weights = popularity.clamp(min=0).double() ** config.sampling_power
        generator = torch.Generator().manual_seed(seed)
        sampled = _draw(weights, config.sampled, generator).to(targets.device)
        columns = torch.cat([targets, sampled])
        expected += config.sampled * (weights / weights.sum()).float()
    if how != "sampled":
        expected += batch * popularity / popularity.sum().clamp(min=1)
    hidden = None
    if how == "sampled":
        hidden = torch.zeros(batch, len(columns), dtype=torch.bool, device=targets.device)
        hidden[:, :batch] = ~torch.eye(batch, dtype=torch.bool, device=targets.device)
    log_chance = expected[columns].clamp(min=1e-12).log() if config.correction else None
    return Candidates(columns, own, log_chance, hidden)


def _draw(weights: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Items drawn with replacement, in proportion to their weights.

    ``torch.multinomial`` takes no more than 2^24 items, hence by the inverse of the distribution.
    """
    cumulative = weights.cpu().cumsum(0)
    points = torch.rand(count, generator=generator, dtype=torch.float64) * cumulative[-1]
    return torch.searchsorted(cumulative, points).clamp(max=len(weights) - 1)


def in_batch(targets: Tensor, popularity: Tensor, correction: bool) -> Candidates:
    """The batch's own items as candidates, as many as there are users (Yi et al. 2019)."""
    own = torch.arange(len(targets), device=targets.device)
    log_chance = None
    if correction:
        chance = popularity[targets].clamp(min=1) / popularity.sum().clamp(min=1)
        log_chance = chance.log()
    return Candidates(targets, own, log_chance)


def ranking_loss(logits: Tensor, candidates: Candidates, kind: str) -> Tensor:
    """The loss of every user, (batch,).

    ``softmax``: cross entropy over the candidates, each score less its log chance to be among them
    (Yi et al. 2019). The own item may be drawn once more: only so do scores become log
    probabilities up to a constant. ``bpr``: the mean of -log sigmoid of the own item's lead over each other
    candidate (Rendle et al. 2009); there the correction does not apply.

    Args:
        logits: (batch, columns).
        candidates: see `choose`.
        kind: ``softmax`` or ``bpr``.
    """
    hidden = candidates.hidden
    if kind == "bpr":
        own = logits.gather(1, candidates.positions.unsqueeze(1))
        each = softplus(logits - own)
        counts = torch.ones_like(each) if hidden is None else (~hidden).to(each.dtype)
        counts = counts.scatter(1, candidates.positions.unsqueeze(1), 0.0)
        return (each * counts).sum(1) / counts.sum(1).clamp(min=1)
    if candidates.log_chance is not None:
        logits = logits - candidates.log_chance
    if hidden is not None:
        logits = logits.masked_fill(hidden, NEVER)
    return cross_entropy(logits, candidates.positions, reduction="none")


def rating_loss(scores: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of each rating, (batch,)."""
    return (scores - ratings).square()
