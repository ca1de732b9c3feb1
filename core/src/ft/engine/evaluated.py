"""Weights that a plugin puts in the place of the trained ones for an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ft.contract.errors import PluginError

PLACE = "evaluation_weights returned"


@contextmanager
def weights(
    model: nn.Module, given: Any, who: str | None = None, place: str = PLACE
) -> Iterator[None]:
    """Put weights into the model, and the trained ones back at the end, bit for bit.

    Args:
        model: takes them.
        given: tensors by the names of parameters and buffers.
        who: the plugin that gave them, for messages.
        place: where it did.

    Raises:
        PluginError: there is no such parameter or buffer, or it has another shape.
    """
    own = _own(model)
    _check(own, given, who, place)
    trained = {name: own[name].detach().clone() for name in given}
    _copy(own, given)
    try:
        yield
    finally:
        _copy(_own(model), trained)


def put(model: nn.Module, given: Any, who: str | None = None, place: str = PLACE) -> None:
    """Copy weights into the model for good; see `weights`."""
    own = _own(model)
    _check(own, given, who, place)
    _copy(own, given)


def _copy(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in given.items():
            own[name].copy_(value)


def _own(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _check(own: Mapping[str, Tensor], given: Any, who: str | None, place: str) -> None:
    if not isinstance(given, Mapping):
        what = f"a {type(given).__name__}"
    elif odd := [name for name in given if name not in own]:
        what = f"'{odd[0]}', which is no parameter or buffer of the model"
    elif odd := [n for n, v in given.items() if getattr(v, "shape", None) != own[n].shape]:
        what = f"'{odd[0]}' in another shape than the model's {tuple(own[odd[0]].shape)}"
    else:
        return
    raise PluginError(
        f"{place} {what}",
        who=who,
        hint="give tensors by the names of run.model.named_parameters() and named_buffers()",
    )
