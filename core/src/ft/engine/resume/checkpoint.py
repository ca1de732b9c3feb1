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
from ft.engine.resume.constant import Constant, everything, weights
from ft.runfolder.tensors import (
    TensorFile,
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
CONSTANT = "constant"
"""Key of the hash of the weights that a folder does not hold."""

AS_STARTED = "resume with the plugins and settings that the run was started with"


def plugin_state(member: Member) -> dict[str, Any]:
    """What a plugin wants to keep.

    Raises:
        PluginError: it is no mapping, or holds something else than JSON values.
    """
    state = member.plugin.state_dict()
    if not isinstance(state, Mapping):
        raise PluginError(
            f"state_dict returned {state!r}, not a mapping",
            who=f"plugin {member.owner}",
            hint="return what must survive a resume by name, {} for nothing",
        )
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

    They hold every buffer and every parameter that has learned; of the others they hold a hash.

    Args:
        folder: the run's ``checkpoints`` folder.
        keep: how many of the newest stay.
        model: whose weights they hold, before its first step.
    """

    def __init__(self, folder: Path, keep: int, model: nn.Module) -> None:
        self.folder = folder
        self.keep = keep
        self.model = model
        self._constant = Constant(model)
        self._first = frozenset(everything(model))
        self._hint = f"free some space, then go on with `ft run --resume {folder.parent}`"

    def save(
        self,
        step: int,
        optimizer: Optimizer,
        state: Any,
        best: int | None,
        extra: Mapping[str, Mapping[str, Tensor]],
    ) -> Path:
        """Write a checkpoint and delete those that are too old.

        Args:
            step: optimizer steps done.
            optimizer: its moments are saved.
            state: everything else, as JSON values.
            best: the step with the best weights so far; they are kept as long as this checkpoint.
            extra: tensors by file name; an empty file is left out.
        """
        path = self._step(step)
        tensors = {MODEL: self._learned(), OPTIMIZER: optimizer.tensors(self.model)}
        tensors.update({name: dict(values) for name, values in extra.items() if values})
        state = {**state, "optimizer": optimizer.state()}
        write_folder(path, tensors, state, {**self._about(), "best": best}, self._hint)
        # A later step than this one is what a resume passed over, or nothing of ft's.
        steps = self._steps()
        known = steps.index(path) + 1
        for old in [*steps[: max(0, known - self.keep)], *steps[known:]]:
            remove(old)
        self._prune_best(best)
        return path

    def require_space(self, optimizer: Optimizer, extra: Mapping[str, Tensor]) -> None:
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
        best = sum(map(_bytes, self._learned().values()))
        moments = 2 * sum(_bytes(value) for value in optimizer.learning(self.model).values())
        own = sum(map(_bytes, extra.values()))
        checkpoint, count = best + moments + own, self.keep + 1
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

    def save_best(self, step: int, state: Any) -> None:
        """Write the best weights; the previous ones stay as long as a checkpoint needs them."""
        tensors = {MODEL: self._learned()}
        write_folder(self._best(step), tensors, state, self._about(), self._hint)
        self._prune_best(step)

    def _tensors(self) -> dict[str, Tensor]:
        """What may have changed: not buffers that a pass makes anew and a saved model lacks."""
        names = self._first | weights(self.model).keys()
        return {name: value for name, value in everything(self.model).items() if name in names}

    def _learned(self) -> dict[str, Tensor]:
        """The weights that a folder holds."""
        constant = self._constant.names()
        return {name: value for name, value in self._tensors().items() if name not in constant}

    def _about(self) -> dict[str, Any]:
        """The hash of the weights that a folder does not hold."""
        return {CONSTANT: self._constant.digest(self._constant.names())}

    def _load_weights(self, folder: Path) -> None:
        """Copy saved weights into the model.

        Raises:
            TrainingError: names, shapes, or the weights that have not learned are not the same.
        """
        own, saved = self._tensors(), TensorFile(folder, MODEL)
        shapes = saved.shapes
        absent = own.keys() - shapes.keys()
        strange = shapes.keys() - own.keys()
        odd = sorted(strange) or [n for n, shape in shapes.items() if list(own[n].shape) != shape]
        digest = self._constant.digest(absent)
        if odd or (absent and digest is None):
            raise TrainingError(
                "the checkpoint does not fit the model (for instance "
                f"{', '.join((odd or sorted(absent))[:3])})",
                hint=AS_STARTED,
            )
        if absent and digest != read_about(folder).get(CONSTANT):
            raise TrainingError(
                f"the {len(absent)} parameters that do not learn, which the checkpoint does not "
                f"hold, are not what they were (for instance {min(absent)})",
                where=str(folder),
                hint="put back the pre-trained model as it was when the run began; " + AS_STARTED,
            )
        with torch.no_grad():
            for name in shapes:
                for place, value in saved.parts(name):
                    # What is equal is not written to: a plugin may see by it what has changed.
                    if not torch.equal(own[name][place], value.to(own[name].device)):
                        own[name][place].copy_(value)

    def load_best(self, step: int | None) -> Any:
        """Put the best weights into the model.

        Args:
            step: at which they were reached; ``None``: there are none.

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
        self._load_weights(best)
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

    def load(self, path: Path, optimizer: Optimizer) -> Any:
        """Restore model and optimizer; returns the JSON state.

        Raises:
            TrainingError: the checkpoint is of another model.
        """
        self._load_weights(path)
        state = read_state(path)
        if not isinstance(state, dict):
            raise TrainingError("the checkpoint holds no state of a run", where=str(path))
        try:
            optimizer.load(self.model, read_tensors(path, OPTIMIZER), state.get("optimizer"))
        except ValueError as error:
            raise TrainingError(
                f"the checkpoint does not fit the optimizer (for instance {error})", hint=AS_STARTED
            ) from error
        return state

    @staticmethod
    def extra(path: Path, name: str) -> dict[str, Tensor]:
        """The tensors of an extra file; none where it was left out.

        Raises:
            TrainingError: it cannot be read.
        """
        return read_tensors(path, name) if (path / name).exists() else {}

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
