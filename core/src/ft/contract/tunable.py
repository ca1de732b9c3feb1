"""What a search may try for a setting, declared beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ft.contract.plugin import fields_by_key

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Tunable:
    """Marks a setting of a `Config` as one that ``ft tune`` searches, and where.

    ``rate: Annotated[float, Tunable(0.01, 0.5, log=True)] = Field(0.1, ...)``

    Attributes:
        low: the smallest number that is tried.
        high: the largest.
        log: numbers are tried evenly on a logarithmic scale.
        step: the distance between numbers that are tried; ``None``: any number, and for a whole
            number 1.
        choices: the values that are tried, in place of a range.

    Raises:
        ValueError: it is neither a range nor choices, or not one that can be searched.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.choices:
            if self.low is not None or self.high is not None or self.log or self.step:
                raise ValueError("either choices or a range, not both")
            return
        if self.low is None or self.high is None:
            raise ValueError("a range needs its low and its high end")
        if not self.low < self.high:
            raise ValueError(f"{self.low} is not below {self.high}")
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range begins above 0")
        if self.log and self.step:
            raise ValueError("a logarithmic range has no step")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"a step of {self.step} does not fit into the range")

    @staticmethod
    def declared(model: type[BaseModel]) -> Mapping[str, Tunable]:
        """The settings of a ``Config`` that are marked, by their key."""
        return {
            key: mark
            for key, field in fields_by_key(model).items()
            for mark in field.metadata
            if isinstance(mark, Tunable)
        }
