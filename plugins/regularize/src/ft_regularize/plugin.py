"""The technique: where each kind of regularisation takes hold of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ft import Loss, Plugin, PluginError, Run, TaskData, hookimpl
from ft_regularize import losses
from ft_regularize.layers import begin_anew, refuse_frozen, stages
from ft_regularize.mixup import PARTNER, mix, mixed_loss
from ft_regularize.orders import balanced, growing
from ft_regularize.samples import Samples
from ft_regularize.settings import RegularizeConfig

PROBABLE = "tags|label:single|label:multi|label:ordinal|group|target:spans|target:text|target:order"
"""Data whose answers have a probability, which a number has not."""


class Regularize(Plugin):
    """Regularises the training of any task, by the settings that are given; by itself it does nothing.

    What is logged of a step: ``regularize/r_drop``, the divergence with its weight, as a sum over the
    items.
    """

    Config = RegularizeConfig
    config: RegularizeConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        given = self.config
        self.whole_batch = given.mixup is not None
        # A mixed example has no answer of a teacher's. Of several tasks, examples of one cannot be mixed with
        # or balanced against another's, their losses are joined before they come here, and each has a head.
        of_one_task = ("mixup", "label_smoothing", "focal", "dropout_samples", "balance")
        conflicts = {
            "distill": given.mixup,
            "multitask": any(getattr(given, name) for name in of_one_task),
        }
        self.conflicts = tuple(name for name, asked in conflicts.items() if asked)
        # R-Drop compares two outputs; in a mixed batch adversarial training finds no tokens.
        self.needs_graph = bool(given.r_drop or given.mixup)
        needs = {
            "words|label": given.mixup,
            "words|texts": given.curriculum,
            "words|label:single": given.label_smoothing,
            "label:single": given.balance,
            PROBABLE: given.focal,
        }
        self.needs_schema = tuple(name for name, asked in needs.items() if asked)
        self._samples: Samples | None = None
        self._sizes = np.zeros(0)
        self._stages: list[list[nn.Parameter]] = []
        self._learning = -1

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """A few that go together, for any task."""
        return {"r_drop": 1.0, "fresh_layers": 1, "unfreeze": 0.5}

    def forwards(self, inner: int) -> int:
        """Two passes with `r_drop`."""
        return 2 * inner if self.config.r_drop else inner

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """The task's model, its top layers fresh."""
        model = inner(run, data)
        if self.config.fresh_layers and not run.restored:
            seed = int(self.rng_at("layers").integers(2**63))
            # The task's model may be no model of transformers: the encoder's own settings say it.
            deviation = float(getattr(run.model_config, "initializer_range", None) or 0.02)
            begin_anew(model, self.config.fresh_layers, seed, deviation)
        return model

    @hookimpl
    def on_features(self, run: Run, features: Any) -> None:
        """Take hold of the model's head and layers, and measure the examples; after a resume too."""
        assert run.model is not None
        assert run.data is not None
        if self.config.mixup and run.data.schema.images:
            raise PluginError(
                "mixup blends the embeddings of words, and images have none",
                where=f"{self.name}.mixup",
                hint="use image_augment.mixup for images",
            )
        if self.config.curriculum:
            every = features.fetch(range(len(features)))
            self._sizes = np.array([sum(len(one["input_ids"]) for one in own) for own in every])
        if self.config.dropout_samples:
            self._samples = Samples(run.model, self.config.dropout_samples)
        if self.config.unfreeze:
            self._stages = stages(run.model)

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Let the head learn alone at first; after a resume the checkpoint says what learns.

        Raises:
            ConfigError: layers begin with random weights and do not learn.
        """
        if self.config.fresh_layers:
            assert run.model is not None
            refuse_frozen(run.model, self.config.fresh_layers)
        self._unfreeze(run)

    @hookimpl
    def on_step(self, run: Run, step: int) -> None:
        """Let the next layers learn where it is their time."""
        self._unfreeze(run)

    def _unfreeze(self, run: Run) -> None:
        """Gradual unfreezing (Howard & Ruder 2018, arXiv 1801.06146)."""
        if self.config.unfreeze is None:
            return
        begun = run.step / (self.config.unfreeze * max(run.total_steps, 1))
        learning = min(len(self._stages), int(begun * len(self._stages)))
        if learning != self._learning:
            self._learning = learning
            for k, parameters in enumerate(self._stages):
                for parameter in parameters:
                    parameter.requires_grad_(k < learning)

    @hookimpl
    def order(self, inner: Callable[..., Any], run: Run, epoch: int) -> Any:
        """The examples of an epoch, balanced or growing."""
        found: Sequence[int] | np.ndarray = inner(run, epoch)
        if not self.config.balance and not self.config.curriculum:
            return found
        ids = np.asarray(found)
        assert run.data is not None
        if self.config.curriculum:
            begun = min(1.0, (epoch - 1) / max(1, run.epochs - 1))
            return growing(ids, self._sizes[ids], self.config.curriculum, begun)
        assert run.data.schema.label is not None
        labels = run.data.splits["train"][run.data.schema.label.column]
        return balanced(ids, [labels[int(i)] for i in ids], self.rng_at("balance", epoch))

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The loss of a batch: mixed, and of two passes, where that is asked for."""
        if self.config.mixup:
            batch = mix(model, batch, self.rng, self.config.mixup)
        loss = inner(run, model, batch)
        if not self.config.r_drop:
            return loss
        again = inner(run, model, batch)
        return losses.r_drop(run, loss, again, batch, self.config.r_drop, f"{self.name}/r_drop")

    @hookimpl
    def loss_of(
        self,
        inner: Callable[..., Loss],
        run: Run,
        outputs: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
    ) -> Loss:
        """The loss of outputs: under several masks, smoothed, mixed, focal."""

        def plain(answers: Mapping[str, Tensor]) -> Loss:
            def of(some: Mapping[str, Tensor]) -> Loss:
                return inner(run, some, answers)

            loss = self._samples.loss(of, outputs) if self._samples else of(outputs)
            share = self.config.label_smoothing
            return losses.smooth(loss, outputs, answers, share) if share else loss

        loss = mixed_loss(plain, batch) if PARTNER in batch else plain(batch)
        gamma = self.config.focal
        return losses.focal(loss, outputs, batch, gamma) if gamma else loss
