"""The settings of `image`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PIL import ImageColor
from pydantic import Field, field_validator

from ft import DataConfig


class ImageConfig(DataConfig):
    """The ``[image]`` table.

    A split is a folder with a folder of images for each class, or a table (CSV, TSV, JSONL, JSON,
    Parquet) with the columns ``image``, the path of a file, and ``label``, the name of its class; ``columns``
    gives the files' names for ours. A folder named as ``train`` that holds ``train``, ``validation`` and
    ``test`` gives all splits.
    """

    unused_settings = ("label_separator",)

    folder: Path | None = Field(
        None, description="where the paths in tables begin; default: the folder of the table"
    )
    size: int | None = Field(
        None,
        ge=8,
        le=2048,
        description="pixels of a side that the model sees; default: the checkpoint's own",
    )
    background: str = Field(
        "white", description="the colour behind transparent pixels: a name or #rrggbb"
    )
    max_pixels: int = Field(
        50_000_000, gt=0, description="an image with more is refused before it is decoded"
    )
    leaks: Literal["drop", "keep", "refuse"] = Field(
        "drop",
        description="training images whose pixels stand in validation or test too: train does "
        "without them, with them, or the run is refused",
    )
    fixed_norms: bool = Field(
        False,
        description="let BatchNorm use the checkpoint's own means and variances in training",
    )
    keep_pixels: int = Field(
        2000,
        ge=0,
        description="megabytes of pixels that may be kept on disk; more training images are decoded "
        "anew in every epoch",
    )

    @field_validator("background")
    @classmethod
    def _a_colour(cls, value: str) -> str:
        ImageColor.getrgb(value)
        return value

    @property
    def colour(self) -> tuple[int, int, int]:
        """The background as red, green and blue."""
        red, green, blue = ImageColor.getrgb(self.background)[:3]
        return red, green, blue
