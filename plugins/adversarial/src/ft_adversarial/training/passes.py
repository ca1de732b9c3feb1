"""The passes over one batch that the methods are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ft import Loss
from ft_adversarial.perturbation.embedding import Shifts, Start, unsynchronised

if TYPE_CHECKING:
    from ft import Run


class DropoutMasks:
    """Random states of torch, wound back before each pass that must draw the same masks.

    Args:
        same: whether passes share their masks; if not, nothing is done.
        device: where the model is.
    """

    def __init__(self, same: bool, device: torch.device) -> None:
        self._same = same
        self._device = None if device.type == "cpu" else torch.get_device_module(device)
        self._states: tuple[Tensor, Tensor | None] | None = None

    def wind_back(self) -> None:
        """To be called before each pass."""
        if not self._same:
            return
        device = self._device
        if self._states is None:
            self._states = (torch.get_rng_state(), device.get_rng_state() if device else None)
            return
        torch.set_rng_state(self._states[0])
        if device is not None:
            device.set_rng_state(self._states[1])


@dataclass
class Passes:
    """One batch, and the ways to run the chain over it.

    Args:
        inner: what the technique wraps.
        run: the run.
        model: the model.
        batch: its inputs.
        special: ids that are never perturbed.
        same_dropout: whether the passes share their dropout masks.
    """

    inner: Callable[..., Loss]
    run: Run
    model: nn.Module
    batch: Mapping[str, Tensor]
    special: Sequence[int]
    same_dropout: bool
    masks: DropoutMasks = field(init=False)

    def __post_init__(self) -> None:
        self.masks = DropoutMasks(self.same_dropout, self.run.device)

    def shifts(self, start: Start) -> Shifts:
        """A perturbation that the next pass brings into being."""
        return Shifts(self.model, self.batch, self.special, start)

    def last(self, shifts: Shifts | None = None) -> Loss:
        """The pass whose total the run back-propagates: the one that DDP synchronises."""
        return self._loss(shifts, learning=False)

    def kept(self) -> Loss:
        """A clean pass whose graph lives on, to be back-propagated with the last pass."""
        with unsynchronised(self.model):
            return self._loss(None, learning=False)

    def backpropagated(self, weight: float, shifts: Shifts | None = None) -> Loss:
        """A pass whose weight gradients are wanted, times ``weight``, and taken at once.

        Its graph is freed; what comes back is detached. The gradients of the shifts are left in
        ``shifts``.
        """
        with unsynchronised(self.model):
            loss = self._loss(shifts, learning=shifts is not None)
            self.run.backward(replace(loss, total=weight * loss.total))
        return replace(
            loss,
            total=loss.total.detach(),
            outputs={name: value.detach() for name, value in loss.outputs.items()},
        )

    def probed(self, shifts: Shifts, objective: Callable[[Loss], Tensor]) -> list[Tensor]:
        """A pass for the gradient of ``objective`` at the shifts alone; no weight sees it."""
        with unsynchronised(self.model):
            total = objective(self._loss(shifts, learning=True))
            # In fp16 small gradients vanish unless scaled; their length does not matter here.
            scaler = getattr(getattr(self.run, "accelerator", None), "scaler", None)
            return shifts.gradients(total if scaler is None else scaler.scale(total))

    def _loss(self, shifts: Shifts | None, *, learning: bool) -> Loss:
        self.masks.wind_back()
        with nullcontext() if shifts is None else shifts.applied(learning=learning):
            loss = self.inner(self.run, self.model, self.batch)
        # A decoder gives its cache beside them.
        outputs = {n: one for n, one in loss.outputs.items() if isinstance(one, Tensor)}
        return replace(loss, outputs=outputs)
