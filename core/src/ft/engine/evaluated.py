"""Weights that a plugin puts in the place of the trained ones for an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft.contract.errors import PluginError

if TYPE_CHECKING:
    from ft.engine.run import LiveRun


@contextmanager
def weights(run: LiveRun, model: nn.Module, given: Any) -> Iterator[None]:
    """Put weights into the model, and the trained ones back at the end, bit for bit.

    Args:
        run: whose plugin gave them.
        model: takes them.
        given: tensors by the names of parameters and buffers.

    Raises:
        PluginError: there is no such parameter or buffer, or it has another shape.
    """
    own = _own(model)
    trained = {name: own[name].detach().clone() for name in given if name in own}
    put(run, model, given)
    try:
        yield
    finally:
        put(run, model, trained)


def put(run: LiveRun, model: nn.Module, given: Any) -> None:
    """Copy weights into the model for good; see `weights`."""
    own = _own(model)
    _check(run, own, given)
    with torch.no_grad():
        for name, value in given.items():
            own[name].copy_(value)


def _own(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _check(run: LiveRun, own: Mapping[str, Tensor], given: Any) -> None:
    if not isinstance(given, Mapping):
        what = f"a {type(given).__name__}"
    elif odd := [name for name in given if name not in own]:
        what = f"'{odd[0]}', which is no parameter or buffer of the model"
    elif odd := [n for n, v in given.items() if getattr(v, "shape", None) != own[n].shape]:
        what = f"'{odd[0]}' in another shape than the model's {tuple(own[odd[0]].shape)}"
    else:
        return
    raise PluginError(
        f"evaluation_weights returned {what}",
        who=f"plugin '{run.hooks.methods().get('evaluation_weights')}'",
        hint="return tensors by the names of run.model.named_parameters() and named_buffers()",
    )
