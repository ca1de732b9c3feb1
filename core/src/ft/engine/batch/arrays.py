"""Features that are arrays of several dimensions, such as pixels, in an Arrow table and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ft.contract.errors import PluginError
from ft.contract.files import PARTIAL
from ft.engine.batch.batches import LABELS

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

SHAPE = ":shape"
"""What follows the name of a column of arrays in the name of the column with their shapes."""

LISTS, FLOATS = ":lists", ":floats"
"""What follows the name of a column of values in the name of the column with its lists, and of a
column of labels in that with its floats."""


def to_arrow(columns: Mapping[str, Sequence[Any]], owner: str) -> dict[str, Any]:
    """Columns as Arrow takes them: arrays lie flat beside their shapes, tensors become arrays.

    Features of several tasks may hold lists and plain values, ids and numbers under one name, such as
    ``labels``: each kind has a column of its own.

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
            kinds = [None if value is None else _kind(name, value) for value in column]
            for kind in dict.fromkeys(kind or "" for kind in kinds):
                own = [
                    value if kind == of else None for value, of in zip(column, kinds, strict=True)
                ]
                if first is None or any(value is not None for value in own):
                    arrow[name + kind] = own
            continue
        arrays = [None if value is None else _array(value) for value in column]
        types = {array.dtype for array in arrays if array is not None}
        if len(types) > 1:
            raise PluginError(
                f"encode returned arrays of different types for {name}: {sorted(map(str, types))}",
                who=owner,
                hint="keep the same columns and types for every batch",
            )
        arrow[name] = _lists(arrays, types.pop())
        arrow[name + SHAPE] = [None if array is None else list(array.shape) for array in arrays]
    return arrow


def _kind(name: str, value: Any) -> str:
    """What follows a column's name for values like this one."""
    many = isinstance(value, list | tuple)
    one = next(iter(value), None) if many else value
    floats = name.startswith(LABELS) and isinstance(one, float | np.floating)
    return (LISTS if many else "") + (FLOATS if floats else "")


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
        return _with_lists(dict(data[list(rows)]))
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
    return _with_lists(columns)


def _with_lists(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Columns with their lists and floats among their plain values again."""
    whole: dict[str, list[Any]] = {}
    for name, column in columns.items():
        own = name.removesuffix(FLOATS).removesuffix(LISTS)
        before = whole.get(own, [None] * len(column))
        whole[own] = [
            one if many is None else many for one, many in zip(before, column, strict=True)
        ]
    return whole


class Parts:
    """Writes tables one behind the other into an Arrow stream.

    A later table may have columns that the first ones lack, or the other way round: features of one
    task may all stand before those of another. The stream is then written anew, with all columns.

    Args:
        path: of the stream.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._schema: pa.Schema | None = None
        self._sink: Any = None
        self._writer: Any = None

    def __enter__(self) -> Parts:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, table: pa.Table) -> None:
        """Write a table behind the others.

        Raises:
            pyarrow.ArrowInvalid: a column has another type than before.
            OSError: the stream cannot be written.
        """
        import pyarrow as pa

        if self._schema is None:
            self._open(table.schema)
        assert self._schema is not None
        if _lacks_something(self._schema, table.schema):
            before = self._path.with_name(f"{self._path.name}.before{PARTIAL}")
            schema = pa.unify_schemas([self._schema, table.schema])
            self._close()
            self._path.replace(before)
            try:
                with pa.memory_map(str(before)) as source:
                    self._open(schema)
                    for batch in pa.ipc.open_stream(source):
                        self._writer.write_table(_widened(pa.Table.from_batches([batch]), schema))
            finally:
                before.unlink(missing_ok=True)
        self._writer.write_table(_widened(table, self._schema))

    def _open(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        self._schema = schema
        self._sink = pa.OSFile(str(self._path), "wb")
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def _close(self) -> None:
        for one in (self._writer, self._sink):
            if one is not None:
                one.close()
        self._writer = self._sink = None


def _lacks_something(schema: pa.Schema, other: pa.Schema) -> bool:
    """Whether another schema has a column, or the type of a column, that a schema does not have."""
    import pyarrow as pa

    return any(
        name not in schema.names
        or (
            pa.types.is_null(schema.field(name).type)
            and not pa.types.is_null(other.field(name).type)
        )
        for name in other.names
    )


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with all columns of a schema, nothing in those that it lacks."""
    import pyarrow as pa

    for name in schema.names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
    return table.select(schema.names).cast(schema)
