"""What a plugin has evaluated: rows of its own, and weights in the place of the trained ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft.contract.errors import PluginError

if TYPE_CHECKING:
    from datasets import Dataset

    from ft.contract.schema import Schema

PLACE = "evaluation_weights returned"

FEW = 3
"""So many unknown classes are named in a message."""


def rows_of(given: Any, schema: Schema) -> Dataset:
    """The rows that a plugin gives to `Run.score`, as a data set.

    Raises:
        PluginError: they are none, lack a column, or have a class that the task does not know.
    """
    from datasets import Dataset

    odd: list[Any] = []
    if not isinstance(given, Dataset):
        listed = isinstance(given, Iterable) and not isinstance(given, str | Mapping)
        rows = list(given) if listed else [given]
        odd = [row for row in rows if not listed or not isinstance(row, Mapping)]
        given = Dataset.from_list([] if odd else [dict(row) for row in rows])
    missing = [one for one in schema.columns() if one not in given.column_names]
    if odd:
        what = f"{'hold' if listed else 'are'} a {type(odd[0]).__name__}"
    elif not len(given):
        what = "are none"
    elif missing:
        what = f"lack the columns {', '.join(missing)}"
    elif unknown := _unknown(given, schema):
        what = f"have classes that the task does not know: {unknown}"
    else:
        return given
    raise PluginError(
        f"the rows given to run.score {what}",
        hint="give a data set such as run.data.splits['train'], or a list of mappings with the "
        f"columns {', '.join(schema.columns())}",
    )


def _unknown(rows: Dataset, schema: Schema) -> str:
    """The first classes of the targets' columns that the schema does not name."""
    for target in schema.targets:
        if target.names and target.kind in ("single", "ordinal", "multi", "tags"):
            values = [one for one in rows[target.column] if one is not None]
            flat = values if target.kind in ("single", "ordinal") else chain.from_iterable(values)
            odd = [one for one in dict.fromkeys(flat) if one not in target.names]
            if odd:
                return f"{', '.join(map(repr, odd[:FEW]))} in '{target.column}'"
    return ""


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
