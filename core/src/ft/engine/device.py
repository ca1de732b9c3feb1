"""Devices and precision, which are Accelerate's."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from ft.errors import ConfigError
from ft.settings import RunConfig

Precision = Literal["bf16", "fp32"]


def choose_precision(config: RunConfig) -> Precision:
    """The precision of the forward pass: bf16 where the hardware multiplies in it, else fp32."""
    if config.precision != "auto":
        return config.precision
    if torch.cuda.is_available() and config.device != "cpu":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def make_accelerator(config: RunConfig) -> Accelerator:
    """An accelerator for this process, on the device and in the precision of the settings.

    Raises:
        ConfigError: several processes were started.
    """
    precision = choose_precision(config)
    # Accelerate keeps the choices of an earlier run in this process, and refuses others.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(
        cpu=config.device == "cpu" or None,
        mixed_precision="no" if precision == "fp32" else precision,
    )
    if accelerator.num_processes > 1:
        raise ConfigError(
            f"this version of ft trains in one process, not {accelerator.num_processes}",
            hint="start it with `ft run`, without torchrun or accelerate launch",
        )
    return accelerator
