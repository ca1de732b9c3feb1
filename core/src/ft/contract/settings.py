"""The settings of a run: the ``[run]`` table of the configuration."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from ft.contract.duration import as_duration
from ft.contract.plugin import Config
from ft.contract.tunable import Tunable


class RunConfig(Config):
    """Every setting of the run itself; each plugin has a table of its own beside it."""

    model: str | None = Field(
        None, description="model name on the hub, or a folder; default: the starter model"
    )
    seed: int = Field(0, ge=0, description="seed of every random number")
    preset: Literal["quick", "default", "best"] | None = Field(
        None,
        description="a plan for the training: its settings and techniques take its place, below all that is given",
    )
    epochs: Annotated[float, Tunable(2, 8, step=1)] = Field(
        3, gt=0, description="passes over the training split"
    )
    max_steps: int | None = Field(None, gt=0, description="stop after N optimizer steps")
    min_steps: int | None = Field(
        None, gt=0, description="small data: as many epochs more as N optimizer steps need"
    )
    time_limit: Annotated[str, AfterValidator(as_duration)] | None = Field(
        None,
        description="all of the run takes at most this, such as 10m; it trains as long as fits",
    )
    batch_size: Annotated[int, Tunable(choices=(8, 16, 32, 64))] = Field(
        16, gt=0, description="examples per optimizer step"
    )
    max_tokens: int = Field(
        8192,
        gt=0,
        description="tokens (with padding) per forward pass, on a processor at most 2,048; a larger batch is "
        "cut into parts",
    )
    max_length: int | None = Field(
        None, gt=2, description="tokens per window; default: the model's own limit, at most 512"
    )
    learning_rate: Annotated[float, Tunable(1e-5, 5e-4, log=True)] = Field(
        5e-5, gt=0, description="peak learning rate of the encoder"
    )
    head_learning_rate: float | None = Field(
        None, gt=0, description="peak learning rate of the head; default: the encoder's"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="factor on the learning rate for each layer further down"
    )
    weight_decay: float = Field(
        0.01, ge=0, description="AdamW's decay; never on biases, norms and embeddings"
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="course of the learning rate after the warm-up"
    )
    warmup: Annotated[float, Tunable(0, 0.2)] = Field(
        0.0, ge=0, lt=1, description="share of the steps that warm up"
    )
    clip: float | None = Field(
        1.0, gt=0, description="largest norm of the gradient; 'none': no clipping"
    )
    freeze: Literal["none", "encoder", "embeddings"] | int = Field(
        "none",
        description="what stays as it is: the encoder, the embeddings, or the lowest k layers",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="auto: bf16 where the processor or GPU has it, else fp32"
    )
    device: Literal["auto", "cpu"] = Field(
        "auto", description="auto: the accelerator if there is one"
    )
    evaluate_steps: int | None = Field(
        None, gt=0, description="also evaluate every N steps; default: after each epoch only"
    )
    evaluations: int | None = Field(
        None, gt=0, description="evaluate after N epochs at most, evenly apart; default: each"
    )
    checkpoint_steps: int | None = Field(
        None,
        gt=0,
        description="also save a checkpoint every N steps; always: at the end, and after an epoch if a minute has passed",
    )
    checkpoint_minutes: float | None = Field(
        5, gt=0, description="save a checkpoint every N minutes; or 'none'"
    )
    keep_checkpoints: int = Field(1, ge=1, description="checkpoints kept, the newest")
    patience: int | None = Field(
        None, gt=0, description="stop after N evaluations without a better metric"
    )
    metric: str | None = Field(
        None, description="metric that picks the best model; default: the task's main metric"
    )
    lint: Literal["warn", "refuse", "off"] = Field(
        "warn", description="findings in the data: say them, refuse to train, or do not look"
    )
    advice: bool = Field(
        True, description="compare with simple baselines and give advice at the end"
    )
    report: bool = Field(True, description="write report.html at the end")
    trust_remote_code: bool = Field(False, description="run code that the model's folder brings")

    @model_validator(mode="after")
    def _steps_in_order(self) -> RunConfig:
        if self.min_steps and self.max_steps and self.min_steps > self.max_steps:
            raise ValueError(
                f"min_steps ({self.min_steps}) is more than max_steps ({self.max_steps})"
            )
        return self


class DataConfig(Config):
    """Where a task's examples come from; base of the settings of every task plugin.

    Each split is a file (``.conll``/``.txt``/``.tsv``, ``.csv``, ``.jsonl``/``.json``,
    ``.parquet``), a folder with one file a split, or ``hub:NAME`` (``hub:NAME:CONFIGURATION``).

    Attributes:
        unused_settings: those of this class that the task has no use for, such as ``label_names`` where
            there are no classes: they are not shown, and refused.
    """

    unused_settings: ClassVar[tuple[str, ...]] = ()

    train: str | tuple[str, ...] | None = Field(
        None,
        description="training data: a file, several as a list or with *, a folder of splits, or "
        "hub:NAME",
    )
    validation: str | tuple[str, ...] | None = Field(
        None, description="validation data; default: a tenth of train, split off by a fixed rule"
    )
    test: str | tuple[str, ...] | None = Field(
        None, description="test data, scored once at the end"
    )
    columns: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict,
        description="the file's name for each column, e.g. {text = 'review'}; several texts are "
        "joined, several labels are columns of 0 and 1",
    )
    label_names: tuple[str, ...] = Field(
        (), description="names of the classes where the data has numbers for them, from 0"
    )
    label_separator: str | None = Field(
        None, description="between several labels of one cell; '': none; default: found, and said"
    )
    missing_labels: tuple[str, ...] | None = Field(
        None, description="cells that mean no label; default: nan, None, null, NA and their like"
    )
    encoding: str = Field("utf-8", description="text encoding of the files")
    delimiter: str | None = Field(
        None,
        min_length=1,
        description="between the columns of a text file; default: found, and said",
    )
    limit: int | None = Field(None, gt=0, description="use only the first N training examples")
    on_bad_row: Literal["refuse", "skip"] = Field(
        "refuse", description="a malformed row: refuse, or set it aside into a file with the reason"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _of_use(cls, value: Any, info: ValidationInfo) -> Any:
        # What is empty stands in the settings of runs that were made before.
        if value and info.field_name in cls.unused_settings:
            raise ValueError("this task has no use for it: leave it out")
        return value
