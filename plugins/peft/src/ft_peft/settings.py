"""The settings: one method, and what each method has to set."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ft import Config

Method = Literal["lora", "adalora", "ia3", "adapter", "bitfit", "prompt", "ptuning", "prefix"]

PROMPTS = ("prompt", "ptuning", "prefix")
"""Methods that put virtual tokens before the text."""

LAYERED = ("lora", "adalora", "ia3", "adapter")
"""Methods that put something into the layers of the encoder."""

MERGEABLE = ("lora", "adalora", "ia3")
"""Methods whose result is a change of the encoder's own weights."""

RATES = {
    "lora": 2e-3,
    "adalora": 5e-3,
    "ia3": 1e-2,
    "adapter": 2e-3,
    "bitfit": 5e-3,
    "prompt": 1e-2,
    "ptuning": 1e-2,
    "prefix": 1e-2,
}
"""The peak learning rate of each method, where the user gives none. Few parameters, most of which
begin at 0, take larger steps than all weights of an encoder do."""

OF = {
    "rank": ("lora", "adalora"),
    "alpha": ("lora", "adalora"),
    "dropout": ("lora", "adalora"),
    "rslora": ("lora",),
    "dora": ("lora",),
    "width": ("adapter", "ptuning"),
    "tokens": PROMPTS,
    "targets": ("lora", "adalora", "ia3"),
    "layers": LAYERED,
}
"""The methods that have a use for a setting."""


class PeftSettings(Config):
    """Settings of ``peft``."""

    method: Method = Field(
        "lora",
        description="lora, adalora, ia3, adapter (bottlenecks), bitfit (biases), prompt, ptuning or prefix",
    )
    rank: int | None = Field(
        None,
        gt=0,
        description="lora: rank of the change of each weight; adalora: its mean at the end; 8 if unset",
    )
    alpha: float | None = Field(
        None,
        gt=0,
        description="lora, adalora: the change counts alpha / rank; so that it counts 2 if unset",
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="lora, adalora: of what the adapters read; 0 if unset"
    )
    rslora: bool = Field(False, description="lora: the change counts alpha / sqrt(rank)")
    dora: bool = Field(False, description="lora: sizes and directions of weights learn apart")
    width: int | None = Field(
        None, gt=0, description="adapter, ptuning: of the hidden layer; 32 or 128 if unset"
    )
    tokens: int | None = Field(
        None, gt=0, description="prompt, ptuning, prefix: virtual tokens; 10 if unset"
    )
    targets: Literal["attention", "all"] | tuple[str, ...] | None = Field(
        None,
        description="lora, adalora, ia3: layers that are adapted: of attention, all linear ones, or names; "
        "if unset those of the method's paper, or all where there are none",
    )
    layers: int | None = Field(
        None, gt=0, description="adapt the top k layers alone; the layers below need no gradient"
    )
    merge: bool | None = Field(
        None,
        description="save one plain model; false: the encoder as it was, and the adapter beside it; "
        "true if unset and the method can",
    )

    @model_validator(mode="after")
    def _no_setting_without_effect(self) -> PeftSettings:
        for name, methods in OF.items():
            if getattr(self, name) not in (None, False) and self.method not in methods:
                raise ValueError(
                    f"{name} is a setting of {', '.join(methods)}, not of the method {self.method}"
                )
        if self.merge and self.method not in (*MERGEABLE, "bitfit"):
            raise ValueError(
                f"what the method {self.method} learns cannot be merged into the encoder's weights"
            )
        if self.merge is False and self.method == "bitfit":
            raise ValueError(
                "bitfit learns weights of the encoder itself: nothing stands beside it"
            )
        if self.targets == ():
            raise ValueError("targets names no layer")
        return self

    @property
    def merges(self) -> bool:
        """Whether the saved model is a plain one."""
        return self.method in (*MERGEABLE, "bitfit") and self.merge is not False
