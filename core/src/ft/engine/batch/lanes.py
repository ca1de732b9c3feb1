"""Passes of prediction next to each other, where one after the other leaves cores idle.

A pass has hundreds of operations, and what stands between its large products takes several cores as long as one. Passes
that need nothing of each other can each have a core of its own instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

if TYPE_CHECKING:
    from ft.contract.run import ModelContext
    from ft.engine.run import LiveRun

LANES = 4
"""Passes at a time at most: Python runs in one of them only."""

KNOWN = ("torch.", "transformers.", "ft.builtin.processor.", "ft.engine.optim.")
"""Where the modules come from whose passes are known to leave nothing behind for the next one."""

GROWING = ("dynamic", "longrope")
"""Kinds of rotary positions that a long text changes for those after it."""

Item = TypeVar("Item")
Made = TypeVar("Made")


def lanes_for(run: LiveRun, loss: bool, context: ModelContext | None) -> int:
    """How many passes of prediction may be computed at a time.

    Only with a model that was loaded: memory that a thread gave back stays its own, and a training has no room for that. And
    only where all is the core's own and the libraries': what a plugin brings may remember things from call to call, but for
    modules whose class says ``side_by_side = True``.

    Args:
        run: whose model computes them.
        loss: whether they compute the loss too.
        context: around each pass; it changes the model for that pass.
    """
    hooks = ("infer", "compute_loss", "loss_of") if loss else ("infer",)
    if (
        not run.restored
        or run.device.type != "cpu"
        or context is not None
        or not run.hooks.concurrent(hooks)
        or run.model is None
        or not all(map(_is_plain, run.model.modules()))
        or _has_any_global_hook()  # type: ignore[no-untyped-call]
    ):
        return 1
    return min(LANES, torch.get_num_threads())


def side_by_side(work: Callable[[Item], Made], items: Sequence[Item], lanes: int) -> Iterator[Made]:
    """What ``work`` gives for each item, in their order, with the cores divided among so many threads.

    Where the caller stops in between, what is not begun is left.
    """
    lanes = min(lanes, len(items))
    if lanes < 2:
        yield from map(work, items)
        return
    cores = torch.get_num_threads()
    started, go = Semaphore(0), Event()

    def begin() -> None:
        try:
            torch.get_num_threads()  # the first call in a thread takes the number of all
            torch.set_num_threads(max(1, cores // lanes))
        finally:
            started.release()
        go.wait()

    def answer(item: Item) -> Made:
        with torch.no_grad():
            return work(item)

    with ThreadPoolExecutor(lanes, initializer=begin) as pool:
        try:
            made = pool.map(answer, items)
            for _ in range(lanes):
                started.acquire()
            torch.set_num_threads(cores)  # threads that others make take what was said last
        finally:
            go.set()
        yield from made


def _is_plain(module: nn.Module) -> bool:
    """Whether a pass through a module leaves nothing behind, and nobody looks on."""
    known = type(module).__module__.startswith(KNOWN)
    return (
        (known or vars(type(module)).get("side_by_side") is True)
        and "forward" not in vars(module)
        and not module._forward_hooks
        and not module._forward_pre_hooks
        and getattr(module, "rope_type", None) not in GROWING
    )
