"""The technique around `compute_loss`, and the robustness measure around `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft import Evaluation, Loss, Plugin, PluginError, Predictions, hookimpl
from ft_adversarial.perturbation.embedding import called
from ft_adversarial.robustness.measure import measure
from ft_adversarial.settings import AdversarialConfig
from ft_adversarial.training.methods import METHODS
from ft_adversarial.training.passes import Passes

if TYPE_CHECKING:
    from ft import Run


class Adversarial(Plugin):
    """Trains against perturbations of the word embeddings, whatever the task.

    What is logged of a step: ``adversarial``, the term that was added (its weight included), and
    ``adversarial/clean``, the clean loss (its weight included); both as sums over the items.
    """

    Config = AdversarialConfig
    config: AdversarialConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.early_backward = self.config.early_backward
        # Totals are weighted and outputs compared, which a pass freed inside would escape.
        self.needs_graph = self.config.method != "none"

    def forwards(self, inner: int) -> int:
        """Forward passes of a step once the technique has started."""
        return inner * self.config.passes()

    @hookimpl
    def on_features(self, run: Run) -> None:
        """Refuse images before the first step."""
        assert run.data is not None
        schema = run.data.schema
        if schema.images and not schema.words and not schema.texts:
            raise PluginError(
                "perturbs the embeddings of words, and the task has images alone",
                hint="leave it out",
            )

    @hookimpl
    def compute_loss(
        self, inner: Callable[..., Loss], run: Run, model: nn.Module, batch: Mapping[str, Tensor]
    ) -> Loss:
        """The clean loss and the adversarial term, as sums over the items.

        With fgm, pgd and freelb all passes but the last have been back-propagated already: the
        total is what is left, the outputs are detached and those of the clean pass.

        Raises:
            PluginError: the model has no word embedding.
            TrainingError: the model did not use it, or not alike in all passes over the batch.
        """
        config = self.config
        if config.method == "none":
            return inner(run, model, batch)
        if run.step < config.start * run.total_steps:
            with called(model):
                return self._warming_up(inner(run, model, batch))
        passes = Passes(
            inner, run, model, batch, run.tokenizer.all_special_ids, config.same_dropout
        )
        generator = torch.Generator(run.device).manual_seed(int(self.rng.integers(2**63)))
        return METHODS[config.method](self.name, config, passes, generator)

    def _warming_up(self, loss: Loss) -> Loss:
        """The loss as it is, with the parts that later steps log, so that their means are right."""
        total = loss.total.detach()
        parts = {f"{self.name}/clean": total, self.name: torch.zeros_like(total)}
        return replace(loss, parts={**loss.parts, **parts})

    @hookimpl
    def evaluate(
        self, inner: Callable[..., Evaluation], run: Run, predictions: Predictions
    ) -> Evaluation:
        """The task's evaluation; with ``robustness``, beside it that under attack and typos."""
        evaluation = inner(run, predictions)
        if self.config.robustness not in (True, predictions.split):
            return evaluation
        return measure(self.config, inner, run, predictions, evaluation)
