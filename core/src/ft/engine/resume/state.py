"""What a checkpoint holds beside weights and moments: all that the rest of the run depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft.contract.errors import FtError, PluginError, TrainingError
from ft.engine.randomness import random_state, set_random_state
from ft.engine.ranks.state import OTHERS, add_others, begin, of_this_rank
from ft.engine.resume.checkpoint import AS_STARTED, plugin_state
from ft.engine.resume.progress import Progress
from ft.hooks.hooks import has_own

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


def take(run: LiveRun, progress: Progress, sums: Mapping[str, Tensor]) -> dict[str, Any]:
    """The state of a run between two steps, as JSON values.

    Args:
        run: its plugins and what they asked for.
        progress: brought up to date and kept.
        sums: what the next line of the log is made of.
    """
    progress.stops = run.stops
    progress.logged = run.logged
    progress.sums = {
        name: (float(value), str(value.dtype).removeprefix("torch."))
        for name, value in sums.items()
    }
    state = {
        "progress": asdict(progress),
        "random": random_state(),
        "plugins": {
            member.name: {
                "rng": member.plugin.rng.bit_generator.state,
                "state": plugin_state(member),
            }
            for member in run.hooks.kept
        },
        "frozen": [name for name, p in _parameters(run) if not p.requires_grad],
        "notes": run.notes,
        "costs": run.hooks.ledger.summary(),
    }
    add_others(run, state)
    return state


def _parameters(run: LiveRun) -> Iterator[tuple[str, nn.Parameter]]:
    assert run.model is not None
    return run.model.named_parameters()


def plugin_tensors(run: LiveRun) -> dict[str, Tensor]:
    """What plugins keep as tensors, by ``plugin/name``.

    Raises:
        PluginError: it is no mapping of names to dense tensors.
    """
    kept: dict[str, Tensor] = {}
    for member in run.hooks.kept:
        if not has_own(member.plugin, "state_tensors"):
            continue
        tensors: Any = run.hooks.method(member, "state_tensors")()
        values = list(tensors.values()) if isinstance(tensors, Mapping) else [None]
        if not all(isinstance(one, Tensor) and not one.is_sparse for one in values):
            raise PluginError(
                "state_tensors returned something else than dense tensors by name",
                who=f"plugin {member.owner}",
                hint="return {name: tensor}; numbers and texts belong in state_dict",
            )
        # A file of safetensors refuses tensors that share memory.
        kept |= {f"{member.name}/{n}": v.detach().clone() for n, v in tensors.items()}
    return kept


def load_plugin_tensors(run: LiveRun, tensors: Mapping[str, Tensor]) -> None:
    """Give plugins back what `plugin_tensors` took."""
    for member in run.hooks.kept:
        if has_own(member.plugin, "load_state_tensors"):
            start = f"{member.name}/"
            own = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            own = {name: value.to(run.device) for name, value in own.items()}
            run.hooks.method(member, "load_state_tensors")(own)


def restore(run: LiveRun, state: Mapping[str, Any]) -> tuple[Progress, dict[str, Tensor]]:
    """Put a run where `take` found it.

    Returns:
        The progress, and what the next line of the log is made of.

    Raises:
        TrainingError: the checkpoint was written without one of the run's plugins, or holds
            something else than `take` gives.
    """
    try:
        return _restore(run, state)
    except FtError:
        raise
    except Exception as error:
        raise TrainingError(
            f"the checkpoint does not hold what this ft writes ({type(error).__name__}: {error})",
            hint=AS_STARTED,
        ) from error


def _restore(run: LiveRun, saved_state: Mapping[str, Any]) -> tuple[Progress, dict[str, Tensor]]:
    state = of_this_rank(run, saved_state)
    progress = Progress(**state["progress"])
    # Between two epochs the one that has ended is still the run's.
    run.step, run.epoch = progress.step, progress.epoch - (progress.batch == 0)
    run.stops, run.logged = list(progress.stops), dict(progress.logged)
    for member in run.hooks.kept:
        saved = state["plugins"].get(member.name)
        if saved is None:
            raise TrainingError(
                "the checkpoint was written without this plugin",
                who=f"plugin {member.owner}",
                hint=AS_STARTED,
            )
        member.plugin.rng.bit_generator.state = saved["rng"]
        member.plugin.load_state_dict(saved["state"])
    frozen = set(state["frozen"])
    for name, parameter in _parameters(run):
        parameter.requires_grad_(name not in frozen)
    run.notes[:0] = [note for note in state["notes"] if note not in run.notes]
    run.hooks.ledger.carry(state["costs"])
    set_random_state(state["random"])
    begin(run, 1 + len(state.get(OTHERS, [])))
    return progress, {
        name: torch.tensor(value, dtype=getattr(torch, kind), device=run.device)
        for name, (value, kind) in progress.sums.items()
    }
