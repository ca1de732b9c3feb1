"""The state of the global random generators, as JSON values."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor

from ft.contract.errors import UserError
from ft.contract.plugin import Plugin, derive_seed

_GENERATORS = threading.Lock()
"""Held by the run that draws from the generators of this process, of which there is one set."""


@contextmanager
def sole_run() -> Iterator[None]:
    """See that no other run of this process draws from the same generators.

    Raises:
        UserError: another run trains in this process, in another thread or around this one.
    """
    if not _GENERATORS.acquire(blocking=False):
        raise UserError(
            "another run trains in this process, and both would draw from the same random numbers",
            hint="wait for it to end, or start each run in a process of its own",
        )
    try:
        yield
    finally:
        _GENERATORS.release()


def random_state() -> dict[str, Any]:
    """The state of every global random generator: python's, numpy's and torch's."""
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


@contextmanager
def undisturbed_random() -> Iterator[None]:
    """Put every global random generator back where it was."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave python's generator as it was found.

    Libraries that are imported inside, such as scikit-learn, draw from it, once a process: a run that
    is resumed would not have the numbers of one that was never stopped.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def separate(seed: int, plugins: Sequence[Plugin], *keys: object) -> None:
    """Give a process random numbers of its own: the global generators and the plugins' ``rng``.

    Args:
        seed: of the run.
        plugins: of the run.
        keys: say which process this is.
    """
    set_seed(derive_seed(seed, *keys) % 2**32)
    for plugin in plugins:
        own = derive_seed(seed, plugin.name, *keys)
        plugin.rng = np.random.Generator(np.random.PCG64(own))


class Generators:
    """Where the generators of torch and of the plugins are, to be wound back for another attempt.

    This is taken in every step, so no others: numpy's global one alone costs four times as much.

    Args:
        device: of the run.
        plugins: of the run.
    """

    def __init__(self, device: torch.device, plugins: Sequence[Plugin]) -> None:
        self._device = torch.cuda if device.type == "cuda" else None
        self._plugins = plugins
        self._states: tuple[Any, ...] = (
            torch.get_rng_state(),
            self._device.get_rng_state() if self._device else None,
            [plugin.rng.bit_generator.state for plugin in self._plugins],
        )

    def wind_back(self) -> None:
        """Put every generator where it was."""
        host, device, plugins = self._states
        torch.set_rng_state(host)
        if self._device is not None:
            self._device.set_rng_state(device)
        for plugin, state in zip(self._plugins, plugins, strict=True):
            plugin.rng.bit_generator.state = state


def _to_text(state: Tensor) -> str:
    return base64.b64encode(state.cpu().numpy().tobytes()).decode()


def _from_text(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
