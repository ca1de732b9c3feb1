"""Parquet files and data sets of the hub: tables that bring their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.contract.schema import LINE

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

_BATCH_ROWS = 1000
_BATCH_BYTES = 1 << 28
_SMALL = 1 << 24
"""Bytes of a file up to which it is watched how much its rows unpack to."""

MOST_BYTES, MOST_TIMES = 1 << 30, 1000
"""Rows may unpack to the one, or to so many times the size of their file."""


def read_parquet(path: Path, name: str) -> Iterator[pa.RecordBatch]:
    """The rows as batches; the last column is the row, counted from 1.

    Raises:
        DataError: the file is damaged, or has a column of a kind that cannot be held.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 1
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            twice = [column for i, column in enumerate(names) if column in names[:i]]
            if twice:
                raise DataError(f"names the column {twice[0]!r} twice", where=name)
            schema = pa.schema([(field.name, _plain(field, name)) for field in file.schema_arrow])
            features = _features(file.schema_arrow)
            empty = pa.RecordBatch.from_pylist([], schema=schema)
            yield numbered(_named_batch(empty, features), row)
            most = max(MOST_BYTES, MOST_TIMES * path.stat().st_size)
            unpacked = 0
            for batch in batches_of(file, _rows_a_batch(file, path)):
                columns = [
                    column if column.type == kind else column.cast(kind)
                    for column, kind in zip(batch.columns, schema.types, strict=True)
                ]
                plain = pa.RecordBatch.from_arrays(columns, schema=schema)
                unpacked += plain.nbytes
                if unpacked > most:
                    raise DataError(
                        f"its {path.stat().st_size:,} bytes unpack to more than {most >> 20:,} MB",
                        where=name,
                        hint="such a file is damaged, or made to fill a memory",
                    )
                plain.validate(full=True)
                yield numbered(_named_batch(plain, features), row)
                row += batch.num_rows
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        raise DataError(
            f"is no whole Parquet file: {str(error).splitlines()[0] if str(error) else 'damaged'}",
            where=name if row == 1 else f"{name}:{row}",
        ) from error


def batches_of(file: Any, rows: int) -> Iterator[pa.RecordBatch]:
    """Batches of so many rows, a row group after the other.

    A reader of all groups keeps what it has read: of 1 GB, another 1 GB.
    """
    for group in range(file.metadata.num_row_groups):
        yield from file.iter_batches(rows, row_groups=[group])


def _rows_a_batch(file: Any, path: Path) -> int:
    """Rows that are read at once: of a small file so few that none can fill the memory."""
    if path.stat().st_size > _SMALL:
        return _BATCH_ROWS
    # A text in a dictionary may stand in every row; it is no longer than its column's pages.
    row = max(
        (file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)),
        default=0,
    )
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, row)))


def _features(schema: pa.Schema) -> dict[str, Any]:
    """The columns' features, where `datasets` wrote the file: they hold the classes' names."""
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import Features

    try:
        return dict(Features.from_arrow_schema(schema))
    except Exception:  # whatever else is in there, the columns can be read without
        return {}


def numbered(batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """A batch with its rows' numbers as the last column."""
    import pyarrow as pa

    rows = pa.array(range(first, first + batch.num_rows), pa.int64())
    return pa.RecordBatch.from_arrays([*batch.columns, rows], [*batch.schema.names, LINE])


def _plain(field: pa.Field, name: str) -> pa.DataType:
    """The type in which a column is kept: dictionaries become what they stand for."""
    kept = plain_type(field.type)
    if kept is None:
        raise DataError(
            f"the column {field.name!r} holds {field.type}, which cannot be read", where=name
        )
    return kept


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """A type without dictionaries, views and run-length encodings, ``None`` if there is none."""
    import pyarrow as pa

    t = pa.types
    if t.is_dictionary(kind):
        return plain_type(kind.value_type)
    if t.is_string_view(kind) or t.is_large_string(kind):
        return pa.string()
    if t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind):
        inner = plain_type(kind.value_type)
        return None if inner is None else pa.list_(inner)
    if t.is_struct(kind):
        inners = [(part.name, plain_type(part.type)) for part in kind]
        if any(inner is None for _, inner in inners):
            return None
        return pa.struct(inners)
    plain = (
        (t.is_primitive(kind) and not t.is_interval(kind))
        or t.is_decimal128(kind)
        or t.is_decimal256(kind)
        or t.is_string(kind)
        or t.is_binary(kind)
        or t.is_large_binary(kind)
        or t.is_null(kind)
    )
    return kind if plain else None


def read_hub(data: Dataset, name: str) -> Iterator[pa.RecordBatch]:
    """A split of a hub data set as batches; class ids become the classes' names.

    An id of -1, the hub's mark for "not labelled", becomes a missing value.
    """
    if not len(data):
        raise DataError("has no rows", where=name)
    row = 1
    for table in data.with_format("arrow").iter(_BATCH_ROWS):
        batch = table.combine_chunks().to_batches()[0]
        yield numbered(_named_batch(batch, data.features), row)
        row += batch.num_rows


def _named_batch(batch: pa.RecordBatch, features: Mapping[str, Any]) -> pa.RecordBatch:
    import pyarrow as pa

    names = batch.schema.names
    columns = [
        _named(column, features.get(name))
        for column, name in zip(batch.columns, names, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names)


def _named(values: pa.Array, feature: Any) -> pa.Array:
    """An array with class ids replaced by names, inside lists too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    inner = getattr(feature, "feature", None)
    if hasattr(feature, "int2str") and pa.types.is_integer(values.type):
        names = pa.array(feature.names, pa.string())
        known = pc.and_(pc.greater_equal(values, 0), pc.less(values, len(names)))
        return names.take(pc.if_else(known, values, None))
    if inner is not None and (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
        lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
        offsets = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
        named = _named(values.flatten(), inner)
        return pa.ListArray.from_arrays(offsets, named, mask=values.is_null())
    return values
