"""The technique: the last layer is fitted to what the encoder gives, before the first epoch."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ft import Config, Plugin, Run, hookimpl
from ft_fewlabels.head import equalise, fit_to_examples

MOST = 20_000


class LinearProbeConfig(Config):
    """Settings of the technique ``linear_probe``."""

    most: int = Field(
        MOST, gt=0, description="texts or words that the last layer is fitted to at most"
    )


class LinearProbe(Plugin):
    """Fits the last layer to the training examples by logistic regression, before the first epoch.

    A last layer of random weights pulls the encoder in random directions until it has learnt itself. One that
    is fitted first does not (linear probing, then fine-tuning: Kumar et al. 2022, arXiv 2202.10054).
    """

    Config = LinearProbeConfig
    config: LinearProbeConfig
    needs_schema = ("texts|words", "tags|label:single|label:ordinal")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._features: Any = None

    @hookimpl
    def on_features(self, run: Run, features: Any) -> None:
        """Keep what gives the training features."""
        self._features = features

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Fit the layer; the checkpoints of the run have its weights.

        Raises:
            ConfigError: the model has no linear layer with a row for each class.
        """
        run.note(fit_to_examples(self, run, self._features, self.config.most))
        equalise(run)
