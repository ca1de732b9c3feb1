"""Features that are arrays of several dimensions, such as pixels, in an Arrow table and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ft.contract.errors import PluginError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

SHAPE = ":shape"
"""What follows the name of a column of arrays in the name of the column with their shapes."""


def to_arrow(columns: Mapping[str, Sequence[Any]], owner: str) -> dict[str, Any]:
    """Columns as Arrow takes them: arrays lie flat beside their shapes, tensors become arrays.

    Args:
        columns: of features.
        owner: the plugin that made them, for the message.

    Raises:
        PluginError: the arrays of a column differ in type.
    """
    arrow: dict[str, Any] = {}
    for name, column in columns.items():
        first = next((value for value in column if value is not None), None)
        if not isinstance(first, np.ndarray | Tensor):
            arrow[name] = column
            continue
        arrays = [None if value is None else _array(value) for value in column]
        kinds = {array.dtype for array in arrays if array is not None}
        if len(kinds) > 1:
            raise PluginError(
                f"encode returned arrays of different types for {name}: {sorted(map(str, kinds))}",
                who=owner,
                hint="keep the same columns and types for every batch",
            )
        arrow[name] = _lists(arrays, kinds.pop())
        arrow[name + SHAPE] = [None if array is None else list(array.shape) for array in arrays]
    return arrow


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return np.asarray((value.float() if value.is_floating_point() else value).numpy())
    return np.asarray(value)


def _lists(arrays: Sequence[np.ndarray | None], kind: np.dtype[Any]) -> pa.Array:
    """Each array as one flat list, without a Python value for each number."""
    import pyarrow as pa

    sizes = [0 if array is None else array.size for array in arrays]
    values = [array.ravel() for array in arrays if array is not None]
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int64())
    missing = pa.array([array is None for array in arrays])
    return pa.LargeListArray.from_arrays(
        offsets, pa.array(np.concatenate(values).astype(kind)), mask=missing
    )


def from_arrow(data: Dataset, rows: Sequence[int]) -> dict[str, list[Any]]:
    """Rows of what `to_arrow` made, as columns with their arrays again."""
    shaped = [name for name in data.column_names if name + SHAPE in data.column_names]
    if not shaped:
        return dict(data[list(rows)])
    names = [name for name in data.column_names if name not in shaped]
    columns = dict(data.select_columns(names)[list(rows)])
    for name in shaped:
        shapes = columns.pop(name + SHAPE)
        values = data.data.column(name)
        columns[name] = [
            None
            if shape is None
            else values[row].values.to_numpy(zero_copy_only=False).reshape(shape)
            for row, shape in zip(rows, shapes, strict=True)
        ]
    return columns
