"""Hashes of rows that do not depend on the machine, the file's format or how it is cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ft.schema import FILE, LINE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset

BATCH_ROWS = 2000
_UNIT, _FIELD = "\x1f", "\x1e"


def tables(data: Dataset, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a split as Arrow tables, a batch at a time."""
    if columns is not None:
        data = data.select_columns(list(columns))
    yield from data.with_format("arrow").iter(BATCH_ROWS)


def row_texts(table: pa.Table, columns: Sequence[str]) -> Iterator[str]:
    """Each row as one text that tells its values in ``columns`` apart from any others."""
    texts = [_texts(table.column(name)) for name in columns]
    if len(texts) == 1:
        return iter(texts[0])
    return (_FIELD.join(row) for row in zip(*texts, strict=True))


def _texts(column: Any) -> list[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) and not column.null_count:
        return list(column.to_pylist())
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        joined = pc.binary_join(column, _UNIT)
        if not joined.null_count:
            return list(joined.to_pylist())
    return [json.dumps(value, default=str, sort_keys=True) for value in column.to_pylist()]


def row_hashes(data: Dataset, columns: Sequence[str]) -> np.ndarray:
    """A 64-bit hash of each row's values in ``columns``: (rows,), uint64."""
    import numpy as np

    found = np.empty(len(data), np.uint64)
    row = 0
    for table in tables(data, columns):
        for text in row_texts(table, columns):
            found[row] = hash64(text)
            row += 1
    return found


def hash64(text: str) -> int:
    """A 64-bit hash of a text, the same everywhere."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def content_columns(names: Sequence[str]) -> list[str]:
    """The columns that are content, in order of their names: where a row stood is none."""
    return sorted(name for name in names if name not in (LINE, FILE))


def content_hash(data: Dataset) -> str:
    """SHA-256 of a split's rows in their order, 64 hexadecimal digits.

    Equal for equal rows, wherever they came from: the file, its format and its lines do not count.
    """
    columns = content_columns(data.column_names)
    whole = hashlib.sha256(json.dumps([columns, len(data)]).encode())
    for table in tables(data, columns):
        for text in row_texts(table, columns):
            row = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
            whole.update(row.digest())
    return whole.hexdigest()
