"""The technique: the last layer is fitted to what the encoder gives, before the first epoch."""

from __future__ import annotations

from pydantic import Field

from ft import Config, Run, hookimpl
from ft_fewlabels.head import MOST, FromFeatures, equalise, fit_to_examples


class LinearProbeConfig(Config):
    """Settings of the technique ``linear_probe``."""

    most: int = Field(
        MOST, gt=0, description="texts or words that the last layer is fitted to at most"
    )


class LinearProbe(FromFeatures):
    """Fits the last layer to the training examples by logistic regression, before the first epoch.

    A last layer of random weights pulls the encoder in random directions until it has learnt itself. One that
    is fitted first does not (linear probing, then fine-tuning: Kumar et al. 2022, arXiv 2202.10054).
    """

    Config = LinearProbeConfig
    config: LinearProbeConfig
    needs_schema = ("texts|words", "tags|label:single|label:ordinal")

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Fit the layer; the checkpoints of the run have its weights.

        Raises:
            ConfigError: the model has no linear layer with a row for each class.
        """
        run.note(fit_to_examples(self, run, self.config.most))
        equalise(run)
