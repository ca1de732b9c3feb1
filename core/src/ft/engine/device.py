"""Devices and precision, which are Accelerate's."""

from __future__ import annotations

import os
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, InitProcessGroupKwargs

from ft.contract.errors import ConfigError
from ft.contract.settings import RunConfig
from ft.engine.ranks.ranks import PATIENCE

Precision = Literal["bf16", "fp32"]

KERNELS = "64"
"""Kernels that oneDNN keeps: those of the last few shapes of batches. Its own 1,024 take hundreds of
megabytes where every batch has another length."""

SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


def choose_precision(config: RunConfig) -> Precision:
    """The precision of the forward pass: bf16 where the hardware multiplies in it, else fp32."""
    if config.precision != "auto":
        return config.precision
    if torch.cuda.is_available() and config.device != "cpu":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def make_accelerator(config: RunConfig) -> Accelerator:
    """An accelerator for this process, on the device and in the precision of the settings.

    Where a launcher such as torchrun has started several processes, they wait for each other here.

    Raises:
        ConfigError: the processes that were started cannot work together.
    """
    # Read once, before the first kernel is made.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)
    precision = choose_precision(config)
    # Accelerate keeps the choices of an earlier run in this process, and refuses others.
    AcceleratorState._reset_state(reset_partial_state=True)
    processes = int(os.environ.get("WORLD_SIZE") or 1)
    # Accelerate joins processes on a CPU only where it is asked for the CPU.
    on_cpu = config.device == "cpu" or (processes > 1 and not torch.accelerator.is_available())
    accelerator = Accelerator(
        cpu=on_cpu or None,
        mixed_precision="no" if precision == "fp32" else precision,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if accelerator.distributed_type in SHARDED:
        raise ConfigError(
            f"{accelerator.distributed_type.value} divides the model, and ft needs the whole of it in "
            "every process",
            hint="choose plain data parallelism in `accelerate config`, or start with torchrun",
        )
    if accelerator.num_processes != processes:
        raise ConfigError(
            f"{processes} processes were started, which cannot work together on "
            f"{accelerator.device.type}",
            hint="start one process, or set run.device = 'cpu'",
        )
    return accelerator
