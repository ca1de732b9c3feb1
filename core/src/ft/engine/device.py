"""Devices and precision, which are Accelerate's."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator

from ft.errors import ConfigError
from ft.settings import RunConfig

Precision = Literal["bf16", "fp16", "fp32"]


def choose_precision(config: RunConfig) -> Precision:
    """The precision of the forward pass: bf16 where the hardware multiplies in it, else fp32.

    Raises:
        ConfigError: fp16 was asked for without a GPU.
    """
    gpu = torch.cuda.is_available() and config.device != "cpu"
    if config.precision == "fp16" and not gpu:
        raise ConfigError(
            "fp16 needs a GPU", where="run.precision", hint="use auto, bf16 or fp32 on a processor"
        )
    if config.precision != "auto":
        return config.precision
    if gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def make_accelerator(config: RunConfig) -> Accelerator:
    """An accelerator for this process, on the device and in the precision of the settings.

    Raises:
        ConfigError: the precision needs other hardware, or several processes were started.
    """
    precision = choose_precision(config)
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
