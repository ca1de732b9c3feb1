"""The settings of `multitask`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ft import Config


class MultitaskConfig(Config):
    """The ``[multitask]`` table: ``tasks`` names them, ``settings`` has a table for each."""

    tasks: dict[str, str] = Field(
        min_length=2, description="the plugin of each task by the task's own name"
    )
    settings: dict[str, dict[str, Any]] = Field(
        {}, description="the settings of each task's plugin, by the task's name"
    )
    weights: dict[str, Annotated[float, Field(gt=0)]] | Literal["uncertainty"] = Field(
        {},
        description="how much each task's loss counts (1 where left out); uncertainty: learnt with the "
        "model (Kendall et al. 2018)",
    )
    temperature: float = Field(
        1.0,
        ge=1,
        description="how even the tasks' shares of an epoch are: 1: by their sizes; large: all the same",
    )
