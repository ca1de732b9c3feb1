"""Plugins with settings of every kind, and what is said of wrong ones."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator, model_validator

import ft
from ft.config.resolve import resolve
from ft.contract.errors import FtError, Problems


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    a: int = 1
    b: float | None = 2.0


class Tag(ft.Plugin):
    class Config(ft.DataConfig):
        rate: float = Field(0.1, ge=0, le=1, description="share of the words")
        label: str = "x"
        steps: Annotated[int, Field(gt=0)] | None = 5
        names: list[str] = Field([])
        places: tuple[Path, ...] = ()
        pick: Literal["fast", "slow"] | int = "fast"
        colour: Colour = Colour.RED
        inner: Inner = Inner()
        weights: dict[str, float] = Field({})
        odd: int = 1
        aliased: int = Field(1, alias="lambda")
        on: bool = False

        @field_validator("odd")
        @classmethod
        def _odd(cls, value: int) -> int:
            if value % 2 == 0:
                raise ValueError("even numbers do not work")
            return value

        @model_validator(mode="after")
        def _together(self) -> Any:
            if self.rate == 0.5 and self.label == "clash":
                raise ValueError("rate 0.5 and label clash exclude each other")
            return self


class Mix(ft.Plugin):
    class Config(ft.Config):
        strength: float = 1.0


class Must(ft.Plugin):
    class Config(ft.Config):
        here: int = Field(description="how many")
        maybe: int | None


class Broken(ft.Plugin):
    class Config(ft.Config):
        value: int = 1

        @field_validator("value")
        @classmethod
        def _fails(cls, value: int) -> int:
            if value == 7:
                raise KeyError("seven")
            return value


def problems(*plugins: str, **arguments: Any) -> list[str]:
    """The messages of what is wrong."""
    with pytest.raises(FtError) as caught:
        resolve(list(plugins) or None, **arguments)
    error = caught.value
    assert error.exit_code == 2
    return [str(one) for one in (error.errors if isinstance(error, Problems) else [error])]


def problem(*plugins: str, **arguments: Any) -> str:
    """The message of the only thing that is wrong."""
    (only,) = problems(*plugins, **arguments)
    return only
