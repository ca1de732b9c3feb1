"""Hashes of rows that do not depend on the machine, the file's format or how it is cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import pairwise
from typing import TYPE_CHECKING

from ft.contract.schema import FILE, LINE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset

BATCH_ROWS = 2000


def tables(data: Dataset, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a split as Arrow tables, a batch at a time."""
    if columns is None:
        data = copy(data)
    else:  # under any fingerprint: to make one takes longer than to read a small split
        data = data.select_columns(list(columns), new_fingerprint="read once")
    data.set_format("arrow")
    yield from data.iter(BATCH_ROWS)


def row_bytes(table: pa.Table, columns: Sequence[str]) -> Iterator[bytes]:
    """Each row as bytes that tell its values in ``columns`` apart from any others."""
    parts = [_bytes(table.column(name).combine_chunks()) for name in columns]
    if len(parts) == 1:
        return iter(parts[0])
    return (
        b"".join(part for value in row for part in (len(value).to_bytes(8, "little"), value))
        for row in zip(*parts, strict=True)
    )


def _bytes(column: pa.Array) -> list[bytes]:
    """The values of a column; texts and lists of texts straight from Arrow's memory."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_string(kind) and not column.null_count:
        data, ends = _string_buffers(column)
        return [data[start:end] for start, end in pairwise(ends.tolist())]
    words = column.values if pa.types.is_list(kind) else column
    if pa.types.is_string(words.type) and not column.null_count and not words.null_count:
        data, ends = _string_buffers(words)
        lengths = np.diff(ends).astype("<i4").tobytes()
        rows = column.offsets.to_numpy()
        edges = zip(pairwise(rows.tolist()), pairwise(ends[rows].tolist()), strict=True)
        return [
            data[start:end] + lengths[4 * one : 4 * other] for (one, other), (start, end) in edges
        ]
    return [json.dumps(value, default=str, sort_keys=True).encode() for value in column.to_pylist()]


def _string_buffers(strings: pa.Array) -> tuple[bytes, np.ndarray]:
    """The bytes of an array of texts, and where each begins; one more for the end."""
    import numpy as np

    if not len(strings):
        return b"", np.zeros(1, np.int32)
    _, ends, data = strings.buffers()
    found = np.frombuffer(ends, np.int32)[strings.offset : strings.offset + len(strings) + 1]
    first = int(found[0])
    return memoryview(data)[first : int(found[-1])].tobytes() if data else b"", found - first


def row_hashes(data: Dataset, columns: Sequence[str]) -> np.ndarray:
    """A 64-bit hash of each row's values in ``columns``: (rows,), uint64."""
    import numpy as np

    found = [hash64(row_bytes(table, columns)) for table in tables(data, columns)]
    return np.concatenate(found) if found else np.empty(0, np.uint64)


def hash64(rows: Iterable[bytes]) -> np.ndarray:
    """A 64-bit hash of each row, the same everywhere: (rows,), uint64."""
    import numpy as np

    digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def content_columns(names: Sequence[str]) -> list[str]:
    """The columns that are content, in order of their names: where a row stood is none."""
    return sorted(name for name in names if name not in (LINE, FILE))


def content_hash(data: Dataset) -> str:
    """SHA-256 of a split's rows in their order, 64 hexadecimal digits.

    Equal for equal rows, wherever they came from: the file, its format and its lines do not count.
    """
    columns = content_columns(data.column_names)
    whole = hashlib.sha256(json.dumps([columns, len(data)]).encode())
    for table in tables(data, columns) if columns else ():
        for row in row_bytes(table, columns):
            whole.update(hashlib.blake2b(row, digest_size=16).digest())
    return whole.hexdigest()
