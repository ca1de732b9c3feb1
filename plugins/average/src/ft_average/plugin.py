"""The technique: which weights are averaged, when, and what is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ft import Config, ConfigError, Plugin, Run, hookimpl


class AverageConfig(Config):
    """Settings of ``average``."""

    method: Literal["ema", "swa", "soup"] = Field(
        "ema",
        description="exponential mean, mean of the last steps, or soup of the best evaluations",
    )
    decay: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="ema: share of the mean that a step keeps at most; if unset, that of a mean over a tenth "
        "of the training, at most .99",
    )
    start: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="swa: share of the training before the first step; .5 if unset",
    )

    @model_validator(mode="after")
    def _no_setting_without_effect(self) -> AverageConfig:
        for name, method in (("decay", "ema"), ("start", "swa")):
            if getattr(self, name) is not None and self.method != method:
                raise ValueError(
                    f"{name} is a setting of the method {method}, not of {self.method}"
                )
        return self


class Average(Plugin):
    """Evaluates, chooses and saves an average of the weights that training went through.

    What is averaged are the parameters that learn and the floating-point buffers (the statistics of a
    BatchNorm). With ``soup`` every evaluation of the validation split costs two more of it.

    Attributes:
        means: the average by the name of the parameter or buffer.
        counts: how many weights stand in each.
        score: of the soup on the validation split; ``None`` before.
    """

    Config = AverageConfig
    config: AverageConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.means: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.score: float | None = None

    @hookimpl
    def on_run_start(self, run: Run) -> None:
        """See that there is a validation split to choose a soup by.

        Raises:
            ConfigError: there is none.
        """
        assert run.data is not None
        if self.config.method == "soup" and "validation" not in run.data.splits:
            raise ConfigError(
                "the method soup chooses weights by the validation split, and there is none",
                where="average.method",
                hint="name a validation file, or take ema or swa",
            )

    @hookimpl
    def on_step(self, run: Run, step: int) -> None:
        """Take the new weights into the mean."""
        config = self.config
        start = 0.5 if config.start is None else config.start
        if config.method == "soup" or (config.method == "swa" and step <= start * run.total_steps):
            return
        # A plain mean forgets nothing; that of ema is one until the share of a step falls to its least.
        least = 0.0
        if config.method == "ema":
            decay = min(0.99, 1 - 10 / run.total_steps) if config.decay is None else config.decay
            least = min(1.0, 1 - decay)
        for name, value in _learnt(run):
            n = self.counts.get(name, 0)
            if n == 0:
                self.means[name] = value.clone()
            else:
                self.means[name].lerp_(value, max(least, 1 / (n + 1)))
            self.counts[name] = n + 1

    def evaluation_weights(self, run: Run) -> Mapping[str, Tensor]:
        """The average; the trained weights where nothing was averaged yet."""
        if self.config.method == "soup":
            self._stir(run)
        return self.means

    def _stir(self, run: Run) -> None:
        """Keep the best of three: the soup, the new weights, and the soup with the new weights in it."""
        new = {name: value.clone() for name, value in _learnt(run)}
        ones = dict.fromkeys(new, 1)
        found = [(self._score(run, new), new, ones)]
        if self.score is not None:
            counts = {name: self.counts.get(name, 0) + 1 for name in new}
            wider = {
                name: torch.lerp(self.means.get(name, value), value, 1 / counts[name])
                for name, value in new.items()
            }
            found += [
                (self._score(run, wider), wider, counts),
                (self.score, {**new, **self.means}, {**ones, **self.counts}),
            ]
        self.score, self.means, self.counts = max(found, key=lambda one: one[0])
        run.log(self, "weights", max(self.counts.values(), default=0))

    def _score(self, run: Run, weights: Mapping[str, Tensor]) -> float:
        """The metric that the run is chosen by, with these weights; larger is better.

        Raises:
            ConfigError: the evaluation of the task does not give it.
        """
        assert run.data is not None
        rows = run.data.splits["validation"]
        evaluation = run.score(rows, "validation", weights=weights)
        name = run.config.metric or evaluation.main
        if name not in evaluation.metrics:
            raise ConfigError(
                f"the method soup cannot choose weights by '{name}'",
                where="run.metric",
                hint=f"the metrics are {', '.join(evaluation.metrics)}",
            )
        metric = evaluation.metrics[name]
        return metric.value if metric.higher_is_better else -metric.value

    def state_tensors(self) -> Mapping[str, Tensor]:
        """See `Plugin.state_tensors`."""
        return self.means

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """See `Plugin.load_state_tensors`."""
        self.means = dict(tensors)

    def state_dict(self) -> dict[str, Any]:
        """See `Plugin.state_dict`."""
        return {"counts": self.counts, "score": self.score}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Plugin.load_state_dict`."""
        self.counts, self.score = dict(state.get("counts", {})), state.get("score")


def _learnt(run: Run) -> Iterator[tuple[str, Tensor]]:
    """What training changes: parameters that learn, and floating-point buffers."""
    assert run.model is not None
    for name, parameter in run.model.named_parameters():
        if parameter.requires_grad:
            yield name, parameter.detach()
    for name, buffer in run.model.named_buffers():
        if buffer.is_floating_point():
            yield name, buffer.detach()
