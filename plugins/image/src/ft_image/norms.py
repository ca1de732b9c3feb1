"""When BatchNorm uses the statistics of the batch, and when those of the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn


class HoldNorms:
    """A hook before the forward pass of a model that is trained.

    A batch of one image has no variance: for such a pass, and for all where ``always`` is set, BatchNorm uses its
    running mean and variance and leaves them as they are.

    Args:
        always: for every pass.
    """

    def __init__(self, always: bool) -> None:
        self._always = always
        self._held = False

    def __call__(
        self, model: nn.Module, arguments: tuple[Any, ...], inputs: Mapping[str, Any]
    ) -> None:
        """Set the BatchNorms of the model for this pass."""
        if not model.training:
            return
        pixels = inputs.get("pixel_values", arguments[0] if arguments else None)
        hold = self._always or (pixels is not None and len(pixels) == 1)
        if hold or self._held:
            for module in model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train(not hold)
        self._held = hold
