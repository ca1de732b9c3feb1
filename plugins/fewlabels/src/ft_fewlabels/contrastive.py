"""The technique: pairs of examples are compared before the first epoch."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from accelerate.utils import broadcast
from pydantic import Field
from torch import Tensor, nn

from ft import Config, ConfigError, Plugin, Run, Tunable, hookimpl
from ft_fewlabels.head import fit, last_layer, padded, what_it_reads
from ft_fewlabels.pairs import draw, pair_loss

CLIP = 1.0
DECAY = 0.01
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""

AT_ONCE = 32
MOST = 4000
"""Examples that the last layer is fitted to at most."""


class ContrastiveConfig(Config):
    """Settings of the technique ``contrastive``."""

    steps: Annotated[int, Tunable(20, 400, log=True)] = Field(
        100, gt=0, description="steps of the warm-up, before the first epoch"
    )
    batch_size: int = Field(32, ge=4, description="examples whose pairs are compared in a step")
    learning_rate: Annotated[float, Tunable(5e-6, 1e-4, log=True)] = Field(
        2e-5, gt=0, description="the highest in the warm-up"
    )
    fit_head: bool = Field(
        True, description="fit the last layer to the training examples after the warm-up"
    )


class Contrastive(Plugin):
    """Draws examples of one class together and those of others apart, before training begins.

    The warm-up of SetFit (Tunstall et al. 2022, arXiv 2209.11055) as a first stage of a run: what the last
    layer reads is compared, pair by pair, then that layer is fitted to it, and the epochs follow as they would.
    """

    Config = ContrastiveConfig
    config: ContrastiveConfig
    needs_schema = ("texts", "label:single|label:ordinal")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._features: Any = None

    @hookimpl
    def on_features(self, run: Run, features: Any) -> None:
        """Keep what gives the training features."""
        self._features = features

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """The warm-up. A run that is stopped in it begins anew; after it the checkpoints have its weights.

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
        classes = [np.flatnonzero(labels == k) for k in range(len(names))]
        classes = [own for own in classes if len(own)]
        if len(classes) < 2:
            raise ConfigError(
                "the training examples are all of one class: there are no pairs to compare",
                where=self.name,
            )
        layer = last_layer(model, len(names))
        losses = self._warm_up(run, model, layer, classes, labels)
        with torch.no_grad():
            if self.config.fit_head:
                self._fit(run, model, layer, labels)
            for tensor in [*model.parameters(), *model.buffers()] if run.ranks.count > 1 else ():
                tensor.copy_(broadcast(tensor.detach().clone()))
        tenth = max(1, len(losses) // 10)
        first, last = np.mean(losses[:tenth]), np.mean(losses[-tenth:])
        run.note(
            f"{self.name}: {len(losses)} steps over pairs of {len(labels):,} examples before the first "
            f"epoch; the loss of a pair went from {first:.3f} to {last:.3f}"
        )

    def _warm_up(
        self,
        run: Run,
        model: nn.Module,
        layer: nn.Linear,
        classes: list[np.ndarray],
        labels: np.ndarray,
    ) -> list[float]:
        """Train what the last layer reads; returns the loss of each step."""
        config = self.config
        own = {id(one) for one in layer.parameters()}
        learning = [p for p in model.parameters() if p.requires_grad and id(p) not in own]
        if not learning:
            raise ConfigError(
                "nothing below the last layer learns, so that a warm-up would change nothing",
                where=self.name,
                hint="leave out run.freeze, or this technique",
            )
        optimizer = torch.optim.AdamW(learning, lr=config.learning_rate, weight_decay=DECAY)
        losses: list[float] = []
        for step in range(config.steps):
            ids = draw(classes, config.batch_size, self.rng_at("pairs", step))
            vectors = self._vectors(run, model, layer, ids)
            loss = pair_loss(vectors, torch.from_numpy(labels[ids]).to(vectors.device))
            loss.backward()
            for parameter in learning:
                if parameter.grad is not None:  # a large table of embeddings may have few rows
                    parameter.grad = parameter.grad.to_dense()
            nn.utils.clip_grad_norm_(learning, CLIP)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _factor((step + 1) / config.steps)
            optimizer.step()
            model.zero_grad(set_to_none=True)
            losses.append(float(loss.detach()))
        return losses

    def _vectors(self, run: Run, model: nn.Module, layer: nn.Linear, ids: np.ndarray) -> Tensor:
        """What the last layer reads of the first feature of each example."""
        features = [own[0] for own in self._features.fetch([int(i) for i in ids])]
        inputs = {name: one.to(run.device) for name, one in padded(features, run.pad_id).items()}
        with run.accelerator.autocast():
            return what_it_reads(model, layer, inputs)

    def _fit(self, run: Run, model: nn.Module, layer: nn.Linear, labels: np.ndarray) -> None:
        """Fit the last layer to the training examples, many of them to a part."""
        ids = np.arange(len(labels))
        if len(ids) > MOST:
            ids = np.sort(self.rng_at("fit").choice(ids, MOST, replace=False))
        training = model.training
        model.eval()
        parts = [ids[k : k + AT_ONCE] for k in range(0, len(ids), AT_ONCE)]
        vectors = torch.cat([self._vectors(run, model, layer, part).float() for part in parts])
        model.train(training)
        fit(layer, vectors, torch.from_numpy(labels[ids]).to(vectors.device))


def _factor(share: float) -> float:
    """The learning rate's share of its highest: it rises, then falls to 0."""
    return min(share / WARMUP, (1 - share) / (1 - WARMUP) + 1e-3)
