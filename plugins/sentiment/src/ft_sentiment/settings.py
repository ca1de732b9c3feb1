"""The settings of `sentiment`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat

from ft import DataConfig


class SentimentConfig(DataConfig):
    """The ``[sentiment]`` table; the columns are ``text``, ``label`` and, if named, ``pair``."""

    kind: Literal["auto", "single", "multi", "ordinal", "number"] = Field(
        "auto",
        description="one class of several, any number of classes, ratings in order, or a number; "
        "auto: found in the data, where ratings count as classes",
    )
    pair: str | None = Field(
        None, description="column of a second text, read together with the first"
    )
    order: tuple[str, ...] = Field(
        (), description="ratings from lowest to highest; default: by number (kind = 'ordinal')"
    )
    classes: tuple[str, ...] = Field(
        (),
        description="classes that train may lack, in their order; others come behind them (ratings: "
        "only these)",
    )
    class_weights: Literal["none", "balanced"] | dict[str, NonNegativeFloat] = Field(
        "none",
        description="weight of each class in the loss; balanced: inverse to how often it occurs; "
        "or {class = weight}, 1 where left out",
    )
    focal_gamma: float = Field(
        0.0,
        ge=0,
        description="focal loss: how much less an easy example counts; 2 is usual, 0: off",
    )
    ordinal_sharpness: float = Field(
        1.0, gt=0, description="how little a neighbouring rating counts as right (kind = 'ordinal')"
    )
    long_texts: Literal["head_tail", "windows", "truncate"] = Field(
        "head_tail",
        description="a text longer than the model: keep its head and tail, read all of it in "
        "windows and pool them, or keep its beginning",
    )
    head_share: float = Field(
        0.25, ge=0, le=1, description="share of the kept tokens that are the head (head_tail)"
    )
    window_overlap: int = Field(
        64, ge=0, description="tokens that neighbouring windows share at least (windows)"
    )
    threshold: float = Field(
        0.5, gt=0, lt=1, description="probability from which a class is predicted (kind = 'multi')"
    )
    calibrate: bool = Field(
        True, description="fit the probabilities' temperature on the validation split"
    )
    unseen_labels: Literal["refuse", "count"] = Field(
        "refuse",
        description="a class that train lacks but another split has: refuse, or count its examples "
        "as mistaken",
    )
