"""Old and new weights, interpolated (WiSE-FT, Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ft import Config, ConfigError, Evaluation, Plugin, Predictions, Run, Table, TaskData, hookimpl
from ft_refresh.l2sp import old_weights
from ft_refresh.weights import Known

VALIDATION = "validation"


class WiSEConfig(Config):
    """Settings of ``wise``."""

    run: Path | None = Field(
        None, description="folder of the older run; default: the pre-trained weights"
    )
    share: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field(
        "auto",
        description="of the new weights; auto: the best of `points` on the validation split",
    )
    points: int = Field(
        5, ge=1, le=50, description="shares beside 0 that are scored at each evaluation (auto)"
    )


class WiSE(Plugin):
    """Evaluates, chooses and saves weights between the old ones and the trained ones.

    What is new, such as the rows of new classes, stays as it was trained. With ``auto`` each
    evaluation of the validation split costs `points` more of it, and the curve is shown.

    Attributes:
        curve: by share of the new weights the metrics on the validation split, of the last evaluation.
    """

    Config: ClassVar[type[Config]] = WiSEConfig
    config: WiSEConfig
    after = ("from_run",)
    conflicts = ("average",)

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._old: dict[str, Known] = {}
        self.curve: list[dict[str, float]] = []

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """Keep the old weights."""
        model: nn.Module = inner(run, data)
        if run.restored:
            return model
        if self.config.share == "auto" and VALIDATION not in data.splits:
            raise ConfigError(
                "the share of the new weights is chosen on the validation split, and there is none",
                where="wise.share",
                hint="set wise.share to a number, such as 0.5, or name a validation file",
            )
        self._old = old_weights(run, self.config.run, model, data)
        return model

    def evaluation_weights(self, run: Run) -> Mapping[str, Tensor]:
        """The weights between the old and the new ones."""
        if self.config.share != "auto":
            return self._between(run, self.config.share)
        assert run.data is not None
        rows = run.data.splits[VALIDATION]
        curve, best = [], (-float("inf"), 1.0)
        for k in range(self.config.points + 1):
            share = k / self.config.points
            evaluation = run.score(rows, VALIDATION, weights=self._between(run, share))
            name = run.config.metric or evaluation.main
            if name not in evaluation.metrics:
                raise ConfigError(
                    f"there is no metric '{name}' to choose the share of the new weights by",
                    where="run.metric",
                    hint=f"the metrics are {', '.join(evaluation.metrics)}",
                )
            metric = evaluation.metrics[name]
            told = {key: one.value for key, one in evaluation.metrics.items() if "/" not in key}
            curve.append({"share": share, **told})
            best = max(best, (metric.value if metric.higher_is_better else -metric.value, share))
        self.curve = curve
        run.log(self, "share", best[1])
        return self._between(run, best[1])

    def _between(self, run: Run, share: float) -> dict[str, Tensor]:
        assert run.model is not None
        found = {}
        for name, parameter in run.model.named_parameters():
            old = self._old.get(name)
            if old is None:
                continue
            if old.value.device != parameter.device:
                old = self._old[name] = old.to(parameter.device)
            mixed = parameter.detach().clone()
            old.within(mixed).copy_(torch.lerp(old.value, old.within(mixed), share))
            found[name] = mixed
        return found

    @hookimpl
    def evaluate(
        self, inner: Callable[..., Evaluation], run: Run, predictions: Predictions
    ) -> Evaluation:
        """The curve as a table beside the final scores of the validation split."""
        evaluation = inner(run, predictions)
        if not (run.final and predictions.split == VALIDATION and self.curve):
            return evaluation
        names = [name for name in self.curve[0] if name != "share"]
        first = [name for name in names if name in ("both", evaluation.main)]
        first += [
            name for name in names if name.removeprefix("old_") in first or name[:4] == "old_"
        ]
        first += [name.removeprefix("old_") for name in first if name[:4] == "old_"]
        kept = list(dict.fromkeys(first))
        rows = [(one["share"], *(round(one[name], 4) for name in kept)) for one in self.curve]
        table = Table(
            "Between the old weights and the new ones",
            ("share of the new weights", *kept),
            tuple(rows),
            "on the validation split, at the last evaluation; 0: the old weights, 1: the new ones",
        )
        return replace(evaluation, tables=[*evaluation.tables, table])

    def state_dict(self) -> dict[str, Any]:
        """See `Plugin.state_dict`."""
        return {"curve": self.curve}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Plugin.load_state_dict`."""
        self.curve = list(state.get("curve", ()))
