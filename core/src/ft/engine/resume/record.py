"""The record of a run: what was run, on what, with what result."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ft.contract.files import file_hash
from ft.data.lint.statistics import statistics

if TYPE_CHECKING:
    from ft.config.resolve import Resolved
    from ft.engine.run import LiveRun

LIBRARIES = ("ft-core", "torch", "transformers", "datasets", "accelerate", "pluggy", "numpy")


def library_versions() -> dict[str, str]:
    """Versions of what a run stands on."""
    found = {name: _version(name) for name in LIBRARIES}
    known = {name: version for name, version in found.items() if version is not None}
    return {"python": platform.python_version(), **known}


@cache
def _version(distribution: str) -> str | None:
    """Of what is imported already: it stays the same in this process."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def machine(run: LiveRun) -> dict[str, Any]:
    """Where the run takes place."""
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(run.device),
        "precision": run.accelerator.mixed_precision,
        "processes": run.accelerator.num_processes,
    }


def peak_memory(run: LiveRun) -> dict[str, int | None]:
    """Bytes that the process, and the GPU if there is one, held at most."""
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    cuda = run.device.type == "cuda"
    return {"host": host, "device": torch.cuda.max_memory_allocated(run.device) if cuda else None}


def plugin_rows(resolved: Resolved) -> list[dict[str, Any]]:
    """Name, origin and file hashes of every plugin."""
    return [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "source": plugin.source,
            "files": plugin.file_hashes(),
        }
        for plugin in resolved.plugins
    ]


def model_row(run: LiveRun) -> dict[str, Any]:
    """Which pre-trained model, with the hash of its weights where they are a local folder."""
    folder = Path(run.model_path)
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    return {"path": run.model_path, "files": {path.name: file_hash(path) for path in weights}}


def splits_row(run: LiveRun, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """Size, fingerprint, files and statistics of every split."""
    assert run.data is not None
    schema = run.data.schema
    return {
        split: {
            "examples": len(data),
            "fingerprint": fingerprints[split],
            "files": [str(path) for path in run.data.files.get(split, [])],
            "statistics": statistics(data, schema),
        }
        for split, data in run.data.splits.items()
    }
