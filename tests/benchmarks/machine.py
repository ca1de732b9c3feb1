"""What this machine is and can do, for the benchmarks."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path
from typing import Any


def fast_bf16() -> bool:
    """Whether this processor multiplies in bf16."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def best_flags(device: str = "cpu") -> dict[str, Any]:
    """The Trainer's best flags for any task on this processor, or on a GPU."""
    if device == "cpu":
        return {"bf16": fast_bf16(), "optim": "adamw_torch_fused"}
    return {
        "bf16": True,
        "tf32": True,
        "optim": "adamw_torch_fused",
        "dataloader_num_workers": 2,
        "dataloader_persistent_workers": True,
    }


def memory(device: str = "cpu") -> float:
    """Peak memory of this process so far, in MB; of the GPU where it works there."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def wait_for(device: str) -> None:
    """Wait until a GPU has done what it was given: what is timed is the work, not the handing over."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def described() -> str:
    """Processor, cores, libraries."""
    import torch
    import transformers

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = told.get("model name", platform.processor() or platform.machine())
    bf16 = "bf16" if fast_bf16() else "no bf16"
    if torch.cuda.is_available():
        name = f"{torch.cuda.get_device_name()}, {name}"
    kind = f", family {told['cpu family']} model {told['model']}" if "cpu family" in told else ""
    return (
        f"{name}{kind}, {os.cpu_count()} cores, {bf16}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}"
    )
