"""Checkpoints: complete or absent, in safetensors and JSON alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ft.engine.optim import Optimizer
from ft.errors import TrainingError

COMPLETE = "complete.json"
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
BEST = "best"


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and saved buffer once, by its first name."""
    state = model.state_dict(keep_vars=True)
    seen: set[int] = set()
    kept = {}
    for name, value in state.items():
        if isinstance(value, Tensor) and id(value) not in seen:
            seen.add(id(value))
            kept[name] = value.detach()
    return kept


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy saved weights into the model.

    Raises:
        TrainingError: names or shapes do not fit.
    """
    own = weights(model)
    if own.keys() != tensors.keys() or any(own[n].shape != tensors[n].shape for n in own):
        odd = sorted(own.keys() ^ tensors.keys())[:3]
        raise TrainingError(
            f"the checkpoint does not fit the model (for instance {', '.join(odd) or 'shapes'})",
            hint="resume with the plugins and settings that the run was started with",
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """AdamW's moments, by parameter index and name."""
    state = optimizer.adamw.state_dict()["state"]
    return {
        f"{index}.{name}": value.contiguous()
        for index, entries in state.items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }


def _load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.adamw.state_dict()["param_groups"]
    optimizer.adamw.load_state_dict({"state": state, "param_groups": groups})


def random_state() -> dict[str, Any]:
    """The state of every global random generator, as JSON values."""
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    state: dict[str, Any] = {
        "python": [version, list(internal), gauss],
        "numpy": [kind, [int(k) for k in keys], int(position), int(has_gauss), float(cached)],
        "torch": _to_text(torch.get_rng_state()),
    }
    if torch.cuda.is_available():
        state["cuda"] = [_to_text(one) for one in torch.cuda.get_rng_state_all()]
    return state


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put every global random generator where `random_state` found it."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(_from_text(state["torch"]))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([_from_text(one) for one in state["cuda"]])


def _to_text(state: Tensor) -> str:
    return base64.b64encode(state.cpu().numpy().tobytes()).decode()


def _from_text(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        return {
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(stream, "sha256").hexdigest(),
        }


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_folder(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Any) -> None:
    """Write files of tensors and a JSON state as one folder that is there whole or not at all.

    Raises:
        TrainingError: the disk is full or not writable; what was there before is untouched.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, values in tensors.items():
            save_file({key: value.contiguous() for key, value in values.items()}, partial / name)
        (partial / STATE).write_text(json.dumps(state))
        files = sorted(partial.iterdir())
        (partial / COMPLETE).write_text(json.dumps({path.name: _digest(path) for path in files}))
        for path in partial.iterdir():
            _flush(path)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        _flush(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TrainingError(
            f"cannot write the checkpoint: {error}",
            where=str(folder),
            hint="free some space and resume with `ft run --resume`",
        ) from error


def damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint, or ``None`` if it is complete and unchanged."""
    try:
        listed = json.loads((folder / COMPLETE).read_text())
    except FileNotFoundError:
        return "it was not finished"
    except (OSError, ValueError) as error:
        return f"{COMPLETE} cannot be read ({error})"
    for name, expected in listed.items():
        path = folder / Path(name).name
        if not path.exists():
            return f"{name} is missing"
        if _digest(path) != expected:
            return f"{name} is damaged"
    return None


class Checkpoints:
    """The checkpoints of one run: the newest few, and the best weights.

    Args:
        folder: the run's ``checkpoints`` folder.
        keep: how many of the newest stay.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, step: int, model: nn.Module, optimizer: Optimizer, state: Any) -> Path:
        """Write a checkpoint and delete those that are too old."""
        path = self.folder / f"step-{step:08d}"
        tensors = {MODEL: weights(model), OPTIMIZER: _optimizer_tensors(optimizer)}
        write_folder(path, tensors, state)
        for old in self._steps()[: -self.keep]:
            shutil.rmtree(old)
        return path

    def save_best(self, model: nn.Module, state: Any) -> None:
        """Write the best weights in place of the previous best."""
        write_folder(self.folder / BEST, {MODEL: weights(model)}, state)

    def load_best(self, model: nn.Module) -> Any:
        """Put the best weights into the model.

        Returns:
            What was saved beside them, ``None`` if no best was ever saved.
        """
        best = self.folder / BEST
        if not best.exists():
            return None
        fault = damage(best)
        if fault:
            raise TrainingError(f"the best weights are damaged: {fault}", where=str(best))
        load_weights(model, load_file(best / MODEL))
        return json.loads((best / STATE).read_text())

    def _steps(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest complete checkpoint, and what is wrong with those that were passed over."""
        faults: list[str] = []
        for path in reversed(self._steps()):
            fault = damage(path)
            if fault is None:
                return path, faults
            faults.append(f"{path.name}: {fault}")
        return None, faults

    @staticmethod
    def load(path: Path, model: nn.Module, optimizer: Optimizer) -> Any:
        """Restore model and optimizer; returns the JSON state."""
        load_weights(model, load_file(path / MODEL))
        _load_optimizer(optimizer, load_file(path / OPTIMIZER))
        return json.loads((path / STATE).read_text())
