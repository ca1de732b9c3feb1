"""The settings of `track`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from ft import Config

Place = Literal["tensorboard", "wandb", "mlflow"]


class TrackConfig(Config):
    """Where a run is shown; nowhere unless ``to`` names it."""

    to: tuple[Place, ...] = Field(
        (), description="who is told: tensorboard, wandb, mlflow; several with commas between"
    )
    project: str = Field("ft", description="the project in W&B, the experiment in MLflow")
    name: str | None = Field(None, description="the run's name there; default: that of its folder")
    folder: str | None = Field(
        None, description="where their files are written; default: the run's folder"
    )
    mode: Literal["offline", "online"] | None = Field(
        None, description="of W&B; default: what WANDB_MODE says, else offline"
    )
    uri: str | None = Field(
        None,
        description="MLflow's server or data base; default: what MLFLOW_TRACKING_URI says, else a "
        "file mlflow.db in the folder",
    )

    @field_validator("to", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Names with commas between, as they are typed behind ``-o track.to=``; each once."""
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",") if name.strip()]
        return tuple(dict.fromkeys(value)) if isinstance(value, list | tuple) else value
