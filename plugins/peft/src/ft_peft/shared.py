"""Weights that several loaded models have in common are held in memory once."""

from __future__ import annotations

from functools import cache
from threading import Lock
from weakref import WeakValueDictionary

import torch
from torch import nn

SAMPLE = 64
"""Numbers of a tensor that it is looked up by; then all of it is compared."""

SMALL = 1024
"""Numbers below which a tensor is not worth it."""


class Held:
    """The weights of all models that are loaded, as long as one of them uses them."""

    def __init__(self) -> None:
        self._weights: WeakValueDictionary[object, nn.Parameter] = WeakValueDictionary()
        self._lock = Lock()

    def share(self, model: nn.Module) -> None:
        """Put weights in the place of equal ones of a model that does not learn.

        Args:
            model: on its device.
        """
        with self._lock:
            for module in model.modules():
                for name, own in module.named_parameters(recurse=False):
                    if own.numel() >= SMALL:
                        setattr(module, name, self._held(own))

    def _held(self, own: nn.Parameter) -> nn.Parameter:
        flat = own.detach().reshape(-1)
        sample = flat[:: max(1, len(flat) // SAMPLE)].float().cpu().numpy().tobytes()
        key = (own.dtype, own.device, tuple(own.shape), sample)
        there = self._weights.get(key)
        if there is not None and torch.equal(there, own):
            return there
        own.requires_grad_(False)
        if there is None:
            self._weights[key] = own
        return own


@cache
def held() -> Held:
    """Those of this process: models are loaded one by one, by calls that know nothing of each other."""
    return Held()
