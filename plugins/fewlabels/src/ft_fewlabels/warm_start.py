"""The technique of the preset ``best``: the start that suits the data, whatever the task."""

from __future__ import annotations

from pydantic import Field

from ft import ConfigError, Run, hookimpl
from ft_fewlabels.contrastive import PairsConfig, warm_up
from ft_fewlabels.head import FromFeatures, equalise, fit_to_examples

EACH = 3
"""Examples of each class that a step of the warm-up has to have room for."""


class WarmStartConfig(PairsConfig):
    """Settings of the technique ``warm_start``."""

    most_texts: int = Field(
        2000, ge=0, description="texts up to which the encoder is warmed up on pairs of them"
    )


class WarmStart(FromFeatures):
    """Begins the training with what the data allows: a warm-up on pairs, and a last layer that is fitted.

    Texts with one class each, as long as texts and classes are few, are compared in pairs as with ``contrastive``; then the last
    layer is fitted as with ``linear_probe``, to texts with one class or to tagged words. Other tasks begin as
    they would without it, and the run says so.
    """

    Config = WarmStartConfig
    config: WarmStartConfig
    conflicts = ("contrastive", "linear_probe")

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """Do what suits the data; the checkpoints of the run have the weights."""
        assert run.data is not None
        schema, label = run.data.schema, run.data.schema.label
        of_texts = schema.texts and label and label.kind in ("single", "ordinal")
        if not of_texts and not (schema.words and schema.words.tags):
            run.note(
                f"{self.name}: the training begins as usual, for the data has neither a class nor tags"
            )
            return
        classes = label.names if label and of_texts else ()
        few = 0 < EACH * len(classes) <= self.config.batch_size
        few = few and len(run.data.splits["train"]) <= self.config.most_texts
        parts = [lambda: fit_to_examples(self, run)]
        if few:
            parts.insert(0, lambda: warm_up(self, self.config, run))
        for part in parts:
            try:
                run.note(part())
            except ConfigError as error:
                run.note(f"{self.name}: left out: {error.what}")
        equalise(run)
