"""The rows of an embedding table that training has used, as a parameter of their own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SPARE = 1.5
"""Room that is made at once, as a multiple of the rows in use."""


class Rows:
    """Stands in for a table of embeddings in the optimizer.

    A row that has never had a gradient has moments of zero, and embeddings are not decayed: AdamW
    leaves it where it is. So the rows that had one, with their moments, give the result of the
    whole table. They live in ``weight`` and are copied into the table after every step.

    Args:
        table: (entries, size).

    Attributes:
        weight: (rows, size), some of them spare and zero; another parameter whenever it grows.
    """

    def __init__(self, table: nn.Parameter) -> None:
        self.table = table
        self.ids = torch.empty(0, dtype=torch.long)
        self.slots = torch.full((len(table),), -1)
        self.weight = nn.Parameter(table.detach()[:0].clone())
        self._gradient = torch.zeros_like(self.weight)
        self._filled = torch.empty(0, dtype=torch.long)

    def take(self, optimizer: torch.optim.Optimizer) -> Tensor | None:
        """Move the table's gradient to the rows.

        Returns:
            The gradients of the rows that have one, (rows, size); ``None`` where the table has none.
        """
        gradient, self.table.grad = self.table.grad, None
        if gradient is None:
            return None
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            ids, values = gradient.indices()[0], gradient.values()
        else:
            ids, values = torch.arange(len(self.table)), gradient
        self._admit(ids[self.slots[ids] < 0], optimizer)
        self._filled = self.slots[ids]
        self._gradient[self._filled] = values
        self.weight.grad = self._gradient
        return values

    def give(self) -> None:
        """Copy the rows into the table, and forget their gradient."""
        self.table.detach()[self.ids] = self.weight.detach()[: len(self.ids)]
        self._gradient[self._filled] = 0
        self.weight.grad = None

    def state(self, moments: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The rows' moments, and which rows they are of."""
        return {**moments, "rows": self.ids} if moments else {}

    def load(
        self, state: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
    ) -> dict[str, Tensor]:
        """Take up the rows of a checkpoint, the table being restored already.

        Args:
            state: what `state` gave, or moments of the whole table.
            optimizer: whose parameter is exchanged.

        Returns:
            Their moments.

        Raises:
            ValueError: the state does not fit the table.
        """
        state = state if "rows" in state else _gathered(state, self.table.shape)
        ids, moments = _checked(state, self.table.shape)
        room = max((len(value) for value in moments.values() if value.ndim), default=0)
        self.ids = torch.empty(0, dtype=torch.long)
        self.slots.fill_(-1)
        self._grow(room, optimizer)
        self._admit(ids, optimizer)
        return moments

    def _admit(self, new: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Make rows of the table ours."""
        begin, end = len(self.ids), len(self.ids) + len(new)
        if end > len(self.weight):
            self._grow(min(len(self.table), int(SPARE * end)), optimizer)
        self.slots[new] = torch.arange(begin, end)
        self.ids = torch.cat([self.ids, new])
        self.weight.detach()[begin:end] = self.table.detach()[new]

    def _grow(self, room: int, optimizer: torch.optim.Optimizer) -> None:
        """Move weights and moments to where there is room."""
        old, new = self.weight, nn.Parameter(_padded(self.weight.detach(), room))
        for group in optimizer.param_groups:
            group["params"] = [new if one is old else one for one in group["params"]]
        if old in optimizer.state:
            moments = optimizer.state.pop(old)
            optimizer.state[new] = {
                k: _padded(v, room) if v.ndim else v for k, v in moments.items()
            }
        self.weight, self._gradient = new, torch.zeros_like(new)


def spread(state: Mapping[str, Tensor], shape: torch.Size) -> dict[str, Tensor]:
    """Moments of the whole table from those of rows.

    Args:
        state: what `Rows.state` gave.
        shape: of the table.

    Raises:
        ValueError: the state does not fit the table.
    """
    ids, moments = _checked(state, shape)
    for kind, value in moments.items():
        if value.ndim:
            moments[kind] = value.new_zeros(shape)
            moments[kind][ids] = value[: len(ids)]
    return moments


def _checked(state: Mapping[str, Tensor], shape: torch.Size) -> tuple[Tensor, dict[str, Tensor]]:
    """The ids of rows, and their moments."""
    moments = {kind: value for kind, value in state.items() if kind != "rows"}
    large = [value for value in moments.values() if value.ndim]
    ids = state["rows"]
    known = set(ids.flatten().tolist())
    if (
        ids.ndim != 1
        or len(known) != len(ids)
        or not known <= set(range(shape[0]))
        or any(value.shape[1:] != shape[1:] or len(value) < len(ids) for value in large)
    ):
        raise ValueError("the rows do not fit the table")
    return ids, moments


def _gathered(state: Mapping[str, Tensor], shape: torch.Size) -> dict[str, Tensor]:
    """What `Rows.state` gives, from moments of the whole table."""
    large = [value for value in state.values() if value.ndim]
    if any(value.shape != shape for value in large):
        raise ValueError("the moments do not fit the table")
    moved = torch.zeros(shape[0], dtype=torch.bool)
    for value in large:
        moved |= value.ne(0).flatten(1).any(1)
    ids = moved.nonzero().flatten()
    return {"rows": ids, **{k: v[ids] if v.ndim else v for k, v in state.items()}}


def _padded(values: Tensor, room: int) -> Tensor:
    padded = values.new_zeros(room, *values.shape[1:])
    padded[: len(values)] = values[:room]
    return padded
