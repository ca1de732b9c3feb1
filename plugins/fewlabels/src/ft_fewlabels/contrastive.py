"""The technique: pairs of examples are compared before the first epoch."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import nn

from ft import Config, ConfigError, Run, Tunable, hookimpl
from ft_fewlabels.head import (
    FromFeatures,
    equalise,
    fit_to_examples,
    last_layer,
    time_for,
    what_it_reads,
)
from ft_fewlabels.pairs import draw, pair_loss

CLIP = 1.0
DECAY = 0.01
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""


class PairsConfig(Config):
    """Settings of a warm-up on pairs."""

    steps: Annotated[int, Tunable(20, 400, log=True)] = Field(
        100, gt=0, description="steps of the warm-up, before the first epoch"
    )
    batch_size: int = Field(32, ge=4, description="examples whose pairs are compared in a step")
    learning_rate: Annotated[float, Tunable(5e-6, 1e-4, log=True)] = Field(
        2e-5, gt=0, description="the highest in the warm-up"
    )


class ContrastiveConfig(PairsConfig):
    """Settings of the technique ``contrastive``."""

    fit_head: bool = Field(
        True, description="fit the last layer to the training examples after the warm-up"
    )


class Contrastive(FromFeatures):
    """Draws examples of one class together and those of others apart, before training begins.

    The warm-up of SetFit (Tunstall et al. 2022, arXiv 2209.11055) as a first stage of a run: what the last
    layer reads is compared, pair by pair, then that layer is fitted to it, and the epochs follow as they would.
    """

    Config = ContrastiveConfig
    config: ContrastiveConfig
    needs_schema = ("texts", "label:single|label:ordinal")

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """The warm-up. A run that is stopped in it begins anew; after it the checkpoints have its weights.

        Raises:
            ConfigError: there are not two classes, or nothing of the encoder learns.
        """
        run.note(warm_up(self, self.config, run))
        if self.config.fit_head:
            run.note(fit_to_examples(self, run))
        equalise(run)


def warm_up(plugin: FromFeatures, config: PairsConfig, run: Run) -> str:
    """Train what the last layer reads on pairs of examples; returns what was done.

    Within `run.time_limit` it takes at most a quarter of the time that is left.

    Args:
        plugin: the technique that asks; its numbers are drawn.
        config: how long, and how fast.
        run: with data of one class an example, and a model.

    Raises:
        ConfigError: there are not two classes, or nothing of the encoder learns.
    """
    data, model = run.data, run.model
    assert data is not None
    assert model is not None
    label = data.schema.label
    assert label is not None
    names = {name: k for k, name in enumerate(label.names)}
    labels = np.array([names[str(one)] for one in data.splits["train"][label.column]])
    classes = _by_class(np.arange(len(labels)), labels)
    if len(classes) < 2:
        raise ConfigError(
            "the training examples are all of one class: there are no pairs to compare",
            where=plugin.name,
        )
    layer = last_layer(model, len(names), plugin.name)
    own = {id(one) for one in layer.parameters()}
    learning = [p for p in model.parameters() if p.requires_grad and id(p) not in own]
    if not learning:
        raise ConfigError(
            "nothing below the last layer learns, so that a warm-up would change nothing",
            where=plugin.name,
            hint="leave out run.freeze, or this technique",
        )
    optimizer = torch.optim.AdamW(learning, lr=config.learning_rate, weight_decay=DECAY)
    began, until = perf_counter(), time_for(run)
    losses: list[float] = []
    done = 0.0
    while done < 1:
        step = len(losses)
        ids = draw(classes, config.batch_size, plugin.rng_at("pairs", step))
        found = [one[0] for one in plugin.features.fetch([int(i) for i in ids])]
        longest = max(len(one["input_ids"]) for one in found)
        if len(found) * longest > run.config.max_tokens:
            # Memory: pairs of fewer examples, which are the same for each class again.
            fewer = max(4, run.config.max_tokens // longest)
            ids = draw(_by_class(ids, labels), fewer, plugin.rng_at("fewer", step))
            found = [one[0] for one in plugin.features.fetch([int(i) for i in ids])]
        vectors = what_it_reads(run, model, layer, found, plugin.name)
        loss = pair_loss(vectors, torch.from_numpy(labels[ids]).to(vectors.device))
        loss.backward()
        for parameter in learning:
            if parameter.grad is not None:  # a large table of embeddings may have few rows
                parameter.grad = parameter.grad.to_dense()
        nn.utils.clip_grad_norm_(learning, CLIP)
        losses.append(float(loss.detach()))
        done = len(losses) / config.steps
        if until < math.inf:
            done = max(done, (perf_counter() - began) / (until - began)) if until > began else 1.0
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _factor(min(1.0, done))
        optimizer.step()
        model.zero_grad(set_to_none=True)
    tenth = max(1, len(losses) // 10)
    first, last = np.mean(losses[:tenth]), np.mean(losses[-tenth:])
    short = f" of {config.steps}, for want of time," if len(losses) < config.steps else ""
    return (
        f"{plugin.name}: {len(losses)} steps{short} over pairs of {len(labels):,} examples before the first "
        f"epoch; the loss of a pair went from {first:.3f} to {last:.3f}"
    )


def _by_class(ids: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Examples by their class, those classes alone that have some."""
    return [ids[labels[ids] == k] for k in np.unique(labels[ids])]


def _factor(share: float) -> float:
    """The learning rate's share of its highest: it rises, then falls to 0."""
    return min(share / WARMUP, (1 - share) / (1 - WARMUP) + 1e-3)
