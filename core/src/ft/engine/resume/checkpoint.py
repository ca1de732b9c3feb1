"""Checkpoints: complete or absent, in safetensors and JSON alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft.contract.errors import PluginError, TrainingError, UserError
from ft.contract.files import remove
from ft.engine.optim.optim import Optimizer
from ft.runfolder.tensors import (
    damage,
    read_about,
    read_state,
    read_tensors,
    recover,
    write_folder,
)

if TYPE_CHECKING:
    from ft.hooks.chain import Member

MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
AS_STARTED = "resume with the plugins and settings that the run was started with"


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


def load_weights(
    model: nn.Module, tensors: Mapping[str, Tensor], lacking: frozenset[str] = frozenset()
) -> None:
    """Copy saved weights into the model.

    Args:
        model: takes them.
        tensors: the weights by name.
        lacking: names that may be absent; the model's own stay.

    Raises:
        TrainingError: names or shapes do not fit.
    """
    own = weights(model)
    own = {name: own[name] for name in own if name in tensors or name not in lacking}
    if own.keys() != tensors.keys() or any(own[n].shape != tensors[n].shape for n in own):
        odd = sorted(own.keys() ^ tensors.keys())[:3]
        raise TrainingError(
            f"the checkpoint does not fit the model (for instance {', '.join(odd) or 'shapes'})",
            hint=AS_STARTED,
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def plugin_state(member: Member) -> dict[str, Any]:
    """What a plugin wants to keep.

    Raises:
        PluginError: it holds something else than JSON values.
    """
    state = member.plugin.state_dict()
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"state_dict returned what JSON cannot hold: {error}",
            who=f"plugin {member.owner}",
            hint="return numbers, texts, lists and dicts; a tensor as `tensor.tolist()`",
        ) from error
    return state


class Checkpoints:
    """The checkpoints of one run: the newest few, and the best weights that they know of.

    Args:
        folder: the run's ``checkpoints`` folder.
        keep: how many of the newest stay.

    Attributes:
        constant: names of weights that never change, which the best weights do without.
    """

    constant: frozenset[str] = frozenset()

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep
        self._hint = f"free some space, then go on with `ft run --resume {folder.parent}`"

    def save(
        self, step: int, model: nn.Module, optimizer: Optimizer, state: Any, best: int | None
    ) -> Path:
        """Write a checkpoint and delete those that are too old.

        Args:
            step: optimizer steps done.
            model: its weights are saved.
            optimizer: its moments are saved.
            state: everything else, as JSON values.
            best: the step with the best weights so far; they are kept as long as this checkpoint.
        """
        path = self._step(step)
        tensors = {MODEL: weights(model), OPTIMIZER: optimizer.tensors(model)}
        state = {**state, "optimizer": optimizer.state()}
        write_folder(path, tensors, state, {"best": best}, self._hint)
        # A later step than this one is what a resume passed over, or nothing of ft's.
        steps = self._steps()
        known = steps.index(path) + 1
        for old in [*steps[: max(0, known - self.keep)], *steps[known:]]:
            remove(old)
        self._prune_best(best)
        return path

    def require_space(self, model: nn.Module, optimizer: Optimizer) -> None:
        """See that the disk can hold what the run will keep at the same time.

        That is, while a checkpoint is written beside the kept ones, each with the best weights of
        its time: ``keep + 1`` times weights and moments, as often the best weights. The final
        model takes the place of the checkpoint in writing. What the folder holds already, after a
        resume, is not needed again.

        Raises:
            UserError: there is too little space.
        """
        disk = shutil.disk_usage(self.folder.parent)
        if not disk.total:
            return  # a file system that does not tell
        own, best = (
            sum(map(_bytes, one.values())) for one in (weights(model), self._best_of(model))
        )
        moments = 2 * sum(_bytes(value) for value in optimizer.learning(model).values())
        checkpoint, count = own + moments, self.keep + 1
        there = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        needed = count * (checkpoint + best) - there
        if needed > disk.free:
            raise UserError(
                f"the run needs {_size(needed)} and the disk has {_size(disk.free)} free: "
                f"{count} checkpoints of {_size(checkpoint)} ({self.keep} kept, one in writing) and "
                f"the best weights to each, {_size(best)}",
                where=str(self.folder.parent),
                hint="free some space, choose an --output on another disk, or lower "
                "run.keep_checkpoints",
            )

    def save_best(self, step: int, model: nn.Module, state: Any) -> None:
        """Write the best weights; the previous ones stay as long as a checkpoint needs them."""
        write_folder(self._best(step), {MODEL: self._best_of(model)}, state, {}, self._hint)
        self._prune_best(step)

    def _best_of(self, model: nn.Module) -> dict[str, Tensor]:
        """What the best weights consist of."""
        return {k: v for k, v in weights(model).items() if k not in self.constant}

    def load_best(self, step: int | None, model: nn.Module) -> Any:
        """Put the best weights into the model.

        Args:
            step: at which they were reached; ``None``: there are none.
            model: takes them.

        Returns:
            What was saved beside them.

        Raises:
            TrainingError: they are missing or damaged.
        """
        if step is None:
            return None
        best = self._best(step)
        fault = damage(best)
        if fault:
            raise TrainingError(
                f"the best weights cannot be restored: {fault}",
                where=str(best),
                hint=f"those of the last step are in {self.folder}",
            )
        load_weights(model, read_tensors(best, MODEL), self.constant)
        return read_state(best)

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest complete checkpoint, and what is wrong with those that were passed over."""
        recover(self.folder)
        faults: list[str] = []
        for path in reversed(self._steps()):
            fault = damage(path) or self._best_damage(path)
            if fault is None:
                return path, faults
            faults.append(f"{path.name}: {fault}")
        return None, faults

    @staticmethod
    def load(path: Path, model: nn.Module, optimizer: Optimizer) -> Any:
        """Restore model and optimizer; returns the JSON state.

        Raises:
            TrainingError: the checkpoint is of another model.
        """
        load_weights(model, read_tensors(path, MODEL))
        state = read_state(path)
        try:
            optimizer.load(model, read_tensors(path, OPTIMIZER), state.get("optimizer"))
        except ValueError as error:
            raise TrainingError(
                f"the checkpoint does not fit the optimizer (for instance {error})", hint=AS_STARTED
            ) from error
        return state

    def _step(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}"

    def _steps(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _best_damage(self, path: Path) -> str | None:
        """What is wrong with the best weights that a checkpoint needs."""
        step = read_about(path).get("best")
        if step is None:
            return None
        if not isinstance(step, int):
            return f"complete.json names {step!r} as the step of the best weights"
        fault = damage(self._best(step))
        return fault and f"its best weights, {self._best(step).name}, are lost: {fault}"

    def _prune_best(self, newest: int | None) -> None:
        """Delete the best weights that neither the run nor a checkpoint needs."""
        needed = {newest, *(self._needs(path) for path in self._steps())}
        kept = {self._best(step) for step in needed if step is not None}
        for path in self.folder.glob("best-*"):
            if path not in kept:
                remove(path)

    @staticmethod
    def _needs(path: Path) -> int | None:
        try:
            best = read_about(path).get("best")
        except (OSError, ValueError, AttributeError):
            return None
        return best if isinstance(best, int) else None


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _size(count: int) -> str:
    """Bytes for people, such as ``1.3 GB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
