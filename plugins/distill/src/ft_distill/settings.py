"""The settings of ``distill``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from ft import Config, Tunable


class DistillConfig(Config):
    """Settings of the technique ``distill``."""

    teacher: str | tuple[str, ...] = Field(
        description="folder of a finished run of ft, or of a model that transformers saved for the "
        "task; a list: several, whose losses are averaged"
    )
    share: Annotated[float, Tunable(0.5, 1.0)] = Field(
        0.9,
        gt=0,
        le=1,
        description="share of the loss that compares with the teacher; the rest is the task's own",
    )
    temperature: Annotated[float | None, Tunable(1.0, 8.0, log=True)] = Field(
        None,
        gt=0,
        description="divides the logits of teacher and student; 2 if unset; of no use to numbers",
    )
    student_layers: int | tuple[int, ...] | None = Field(
        None,
        description="make the student from the model's layers: how many, the lowest ones, or a list of "
        "them, counted from 1; unless they are set, run.model is then the teacher's, and run.learning_rate 2e-4 "
        "or, in a model wider than 384, less",
    )
    hidden: float | None = Field(
        None, gt=0, description="weight of the distance of hidden states, layer by layer"
    )
    attention: float | None = Field(
        None, gt=0, description="weight of the divergence of attention, layer by layer"
    )
    unlabelled: str | None = Field(
        None,
        description="file of further texts, which the student learns from the teacher alone: "
        "CSV, JSONL, Parquet, or .txt with a text a line",
    )

    @property
    def teachers(self) -> tuple[str, ...]:
        """The folders of all teachers."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher

    @field_validator("teacher")
    @classmethod
    def _some(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value or not all(value if not isinstance(value, str) else [value]):
            raise ValueError("names no folder")
        if not isinstance(value, str) and len(set(value)) < len(value):
            raise ValueError("names a folder twice")
        return value

    @field_validator("student_layers")
    @classmethod
    def _layers(cls, value: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        given = (value,) if isinstance(value, int) else value
        if given is not None and (not given or min(given) < 1):
            raise ValueError("layers are counted from 1")
        if given is not None and list(given) != sorted(set(given)):
            raise ValueError("the layers must rise, each named once")
        return value
