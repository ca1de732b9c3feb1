"""The model of a run as it is saved, loaded again, and tried to be before the first step."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ft.config.resolve import Resolved
from ft.contract.errors import ConfigError, DataError, FtError, TrainingError
from ft.contract.files import PARTIAL, file_hash, flush, remove
from ft.contract.model import forward, quiet_transformers
from ft.contract.plugin import derive_seed
from ft.contract.results import Features
from ft.contract.run import Trained
from ft.contract.schema import Schema, TaskData
from ft.engine.batch.batches import collate, to_device
from ft.engine.batch.inference import predict_split
from ft.engine.device import make_accelerator
from ft.engine.mapped import give_back
from ft.engine.randomness import undisturbed_random
from ft.engine.resume.checkpoint import plugin_state
from ft.engine.resume.constant import weights
from ft.engine.run import PREDICT, LiveRun
from ft.engine.setup import Builtin, make_hooks, on_device
from ft.runfolder.folder import RunFolder

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ft.reporters.reporter import Reporter

HOOKS = ("build_head", "save_model", "load_model")
"""The hooks that decide whether a saved model comes back."""

NOISE = 0.05
"""Standard deviation of what is added to every trainable parameter for the trial."""

CLOSE = 1e-4
"""By how much, as a share of the largest output, a model that is saved in another form may differ."""

PIECE = 1 << 20
"""Numbers of a weight that are compared at a time."""

TRIED = 4
"""Examples whose outputs are compared."""


def save_model(run: LiveRun, folder: RunFolder) -> dict[str, str]:
    """Write the model as `save_model` does, whole or not at all.

    Returns:
        The hash of every file.

    Raises:
        TrainingError: the disk is full or not writable.
    """
    partial = folder.path / f".model{PARTIAL}"
    with _written(run, partial, folder.model):
        for path in [*partial.rglob("*"), partial]:
            if path.is_file():
                path.chmod(folder.config.stat().st_mode & 0o666)
            flush(path)
        remove(folder.model)
        partial.rename(folder.model)
    return file_hashes(folder.model)


def file_hashes(folder: Path) -> dict[str, str]:
    """The hash of every file in a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): file_hash(path) for path in files}


@contextmanager
def _written(run: LiveRun, folder: Path, target: Path) -> Iterator[None]:
    """The model, saved in a folder that is gone at the end unless it is moved."""
    try:
        remove(folder)
        folder.mkdir(parents=True)
        with quiet_transformers():
            run.hooks.call("save_model", run, run.model, folder)
        yield
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"cannot write the model: {error}",
            where=str(target),
            hint=f"free some space, then go on with `ft run --resume {run.output}`",
        ) from error
    finally:
        remove(folder)


def check_model(folder: RunFolder, hashes: Mapping[str, str]) -> None:
    """Compare the files of the saved model with what was written.

    Raises:
        DataError: one is missing or not the same.
    """
    for name, wanted in hashes.items():
        path = folder.model / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"names a file outside of the model: {name}", where=str(folder.task))
        if not path.is_file() or file_hash(path) != wanted:
            raise DataError(
                "not as the run wrote it" if path.is_file() else "missing from the run's model",
                where=str(path),
                hint=f"put back a copy of it; or, while {folder.checkpoints} is there, delete "
                f"{folder.record} and `ft run --resume {folder.path}` writes the model again",
            )


def restored_run(
    resolved: Resolved,
    builtin: Builtin,
    saved: Path,
    schema: Schema,
    states: Mapping[str, Any],
    reporter: Reporter,
    opener: Callable[[LiveRun, Path], Trained],
    accelerator: Accelerator | None = None,
) -> LiveRun:
    """A run for prediction, with the model that was saved.

    Args:
        resolved: plugins and settings.
        builtin: the plugins that ft brings itself.
        saved: the folder that `save_model` wrote, in the folder of its run.
        schema: of the data that the model was trained on.
        states: of the plugins, by name.
        reporter: is told what happens.
        opener: gives the model of `load_trained`.
        accelerator: says on which device the model is; by default the settings do.

    Raises:
        PluginError: `load_model` did not return a module.
    """
    from datasets import DatasetDict

    accelerator = accelerator or make_accelerator(resolved.run)
    run = LiveRun(
        resolved.run,
        saved.parent,
        str(saved),
        accelerator,
        reporter,
        predict_split,
        opener,
        restored=True,
    )
    run.hooks = make_hooks(resolved, builtin, run)
    run.data = TaskData(DatasetDict(), schema)
    for member in run.hooks.kept:
        member.plugin.load_state_dict(states.get(member.name, {}))
    run.model = on_device(run, run.hooks.call("load_model", run, saved))
    run.model.eval()
    return run


def try_saving(run: LiveRun, resolved: Resolved, builtin: Builtin, features: Features) -> float:
    """Save the model and load it again before its first step, so that no training is in vain.

    It is tried where a named plugin builds, saves or loads the model; that the standard ones come
    back is known. Meanwhile a little noise is added to what is trainable, because new parameters
    may add nothing yet (LoRA begins with zeros), so that nobody would miss them.

    Returns:
        The seconds that it took; weights and random states are as they were.

    Raises:
        TrainingError: the model does not come back.
    """
    if not _takers(run):
        return 0.0
    started = perf_counter()
    assert run.model is not None
    run.reporter.phase("save", "tried before the first step")
    model = run.model
    with _cleared(), run.aside(), _undisturbed(run), _noise(model, run.config.seed):
        if _own_form(run):
            # A model may derive buffers from its weights at a pass, such as the vectors of items.
            _outputs(run, _tried(run, features))
        trial = run.output / f".trial{PARTIAL}"
        with _written(run, trial, trial):
            _compare(run, resolved, builtin, trial, features, "tried before the first step")
    return perf_counter() - started


@contextmanager
def _cleared() -> Iterator[None]:
    """Free at the end what was made meanwhile: runs and their plugins know each other, so that the second
    model would stay beside the first. What was there before, most of it of libraries, is not searched.
    """
    others = gc.get_freeze_count()
    if not others:
        gc.freeze()
    try:
        yield
        gc.collect()
    finally:
        if not others:
            gc.unfreeze()


def verify_saved(
    run: LiveRun, resolved: Resolved, builtin: Builtin, folder: RunFolder, features: Features
) -> None:
    """Load the saved model again and compare it with the trained one.

    Raises:
        TrainingError: something was not saved or comes back different.
    """
    with _undisturbed(run):
        place = f"{folder.model}; the trained weights are in {folder.checkpoints}"
        _compare(run, resolved, builtin, folder.model, features, place)


def _takers(run: LiveRun) -> list[str]:
    """The named plugins that build, save or load the model, as people know them."""
    ours = {id(member.plugin) for member in run.hooks.builtin}
    found = [one for hook in HOOKS for one in run.hooks.implementations(hook)]
    return list(dict.fromkeys(one.owner for one in found if id(one.plugin) not in ours))


def _compare(
    run: LiveRun,
    resolved: Resolved,
    builtin: Builtin,
    saved: Path,
    features: Features,
    where: str,
) -> None:
    """See that the model in a folder is the run's: the same weights, or else the same outputs.

    Raises:
        TrainingError: it is not, or cannot be loaded.
    """
    assert run.model is not None
    assert run.data is not None
    who = "plugin " + ", ".join(_takers(run) or ["'standard'"])
    hint = (
        "load_model (by default build_head, with run.restored true) must give back what "
        "save_model (by default save_pretrained) wrote"
    )
    ours = weights(run.model)
    give_back(ours.values())  # what saving has read
    # As JSON, as prediction gets it.
    states = {one.name: json.loads(json.dumps(plugin_state(one))) for one in run.hooks.kept}
    try:
        again = restored_run(
            resolved,
            builtin,
            saved,
            run.data.schema,
            states,
            run.reporter,
            run.opener,
            run.accelerator,
        )
    except Exception as error:
        # What cannot be loaded from the folder is a ConfigError, as if the user had named it.
        if isinstance(error, FtError) and not isinstance(error, ConfigError):
            raise
        what = error.what if isinstance(error, FtError) else f"{type(error).__name__}: {error}"
        raise TrainingError(
            f"the saved model cannot be loaded again: {what}",
            where=where,
            who=who,
            hint=hint,
        ) from error
    assert again.model is not None
    theirs = weights(again.model)
    different = [name for name in ours if name not in theirs or not _same(ours[name], theirs[name])]
    if different and _own_form(run):
        different = _different_outputs(run, again, features)
    if different:
        raise TrainingError(
            f"the saved model does not come back as it was: {', '.join(different[:3])}",
            where=where,
            who=who,
            hint=hint,
        )


def _same(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two weights are equal; they are read piece by piece, and the memory that this takes is given back."""
    if ours.shape != theirs.shape:
        return False
    pieces = (torch.split(one.reshape(-1), PIECE) for one in (ours, theirs))
    for one, other in zip(*pieces, strict=True):
        if not torch.equal(one.cpu(), other.cpu()):
            return False
        give_back([one, other])
    return True


def _own_form(run: LiveRun) -> bool:
    """Whether a named plugin saves the model in a form of its own, such as LoRA's merged weights."""
    return any(run.hooks.customised(hook) for hook in HOOKS[1:])


def _different_outputs(run: LiveRun, again: LiveRun, features: Features) -> list[str]:
    """The outputs of a few examples that are not those of the run's own model."""
    batch = _tried(run, features)
    ours, theirs = (_outputs(one, batch) for one in (run, again))
    return [
        f"the output {name}"
        for name, value in ours.items()
        if name not in theirs
        or theirs[name].shape != value.shape
        or float((value - theirs[name]).abs().max()) > CLOSE * float(value.abs().max())
    ]


def _tried(run: LiveRun, features: Features) -> dict[str, Tensor]:
    """The batch whose outputs are compared."""
    grouped = features.fetch(range(min(TRIED, len(features))))
    chosen = [group[0] for group in grouped if group]
    chosen = [one for one in chosen if one.keys() == chosen[0].keys()]
    return to_device(collate(chosen, run.pad_id, left=run.pads_left), run.device)


def _outputs(run: LiveRun, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    model = run.model
    assert model is not None
    torch.manual_seed(0)
    with run.answering(PREDICT):
        # Where a task answers in its own way, the model alone may not take such a batch.
        own = run.hooks.customised("infer")
        found = run.hooks.call("infer", run, model, batch) if own else forward(model, batch)
    return {
        name: value.float()
        for name, value in found.items()
        if isinstance(value, Tensor) and value.is_floating_point() and value.numel()
    }


@contextmanager
def _noise(model: nn.Module, seed: int) -> Iterator[None]:
    """A little noise on every trainable parameter, which is put back to the last bit."""
    trained = [p for p in model.parameters() if p.requires_grad and p.is_floating_point()]
    kept = [parameter.detach().clone() for parameter in trained]
    try:
        with torch.no_grad():
            for number, parameter in enumerate(trained):
                generator = torch.Generator(parameter.device)
                generator.manual_seed(derive_seed(seed, "noise", number) >> 1)
                noise = torch.empty_like(parameter).normal_(0, NOISE, generator=generator)
                parameter.add_(noise)
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(trained, kept, strict=True):
                parameter.copy_(value)


@contextmanager
def _undisturbed(run: LiveRun) -> Iterator[None]:
    """Put back every random state at the end: the global ones and those of the plugins."""
    members: Sequence[Any] = run.hooks.kept
    own = [member.plugin.rng.bit_generator.state for member in members]
    try:
        with undisturbed_random():
            yield
    finally:
        for member, one in zip(members, own, strict=True):
            member.plugin.rng.bit_generator.state = one
