"""The settings: one for each kind of regularisation, and which of them contradict each other."""

from __future__ import annotations

from pydantic import Field, model_validator

from ft import Config

CONTRADICTIONS = (
    ("focal", "label_smoothing", "one makes sure items count less, the other more"),
    ("focal", "mixup", "a mixed example has no answer that the model could be sure of"),
    ("balance", "curriculum", "both say which examples an epoch sees"),
)


class RegularizeConfig(Config):
    """Settings of ``regularize``: each stands for one technique and is off by default."""

    r_drop: float | None = Field(
        None, gt=0, description="weight of the divergence of two passes with other dropout"
    )
    mixup: float | None = Field(
        None,
        gt=0,
        description="alpha of the Beta distribution that shares are drawn from, such as .4",
    )
    label_smoothing: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of the answer that goes to all classes alike, such as .1",
    )
    focal: float | None = Field(
        None,
        gt=0,
        description="gamma: how much less an item counts that the model is sure of, such as 2",
    )
    dropout_samples: int | None = Field(
        None,
        ge=2,
        le=64,
        description="masks of the dropout before the head, whose losses are averaged",
    )
    fresh_layers: int | None = Field(
        None, ge=1, description="layers at the top of the encoder that begin with random weights"
    )
    unfreeze: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the training after which all layers learn, from the top",
    )
    balance: bool = Field(
        False, description="let each class come as often as the most frequent one"
    )
    curriculum: float | None = Field(
        None, gt=0, lt=1, description="share of the examples in epoch 1, the shortest first"
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> RegularizeConfig:
        for one, other, why in CONTRADICTIONS:
            if getattr(self, one) and getattr(self, other):
                raise ValueError(f"{one} and {other} contradict each other: {why}; choose one")
        return self
