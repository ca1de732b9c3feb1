"""Data that is given in Python: a DataFrame, a data set or a list of rows, as a file of the cache."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ft.contract.errors import DataError, UserError
from ft.contract.files import write_whole
from ft.data.rows.cache import cache_folder


def is_data(value: Any) -> bool:
    """Whether a value is rows, and not the name of a file, or a list of names or of numbers."""
    if isinstance(value, list | tuple):
        return bool(value) and not all(
            isinstance(part, str | os.PathLike | int | float) for part in value
        )
    return type(value).__module__.partition(".")[0] in ("pandas", "datasets", "pyarrow", "polars")


def written(value: Any, where: str) -> str:
    """The path of a file in the cache that holds the rows; its name is the setting and a hash of them.

    Args:
        value: a DataFrame of pandas or polars, a `datasets.Dataset`, a table of Arrow, or a list
            of mappings.
        where: the setting, for messages.

    Raises:
        DataError: the rows are none, or hold what JSON and Parquet cannot.
        UserError: the cache cannot be written.
    """
    suffix, content = _parquet(value, where) if not isinstance(value, list | tuple) else ("", b"")
    if not content:
        suffix, content = ".jsonl", _jsonl(value, where)
    folder = cache_folder("given")
    told = re.sub(r"[^\w.]", "_", where)
    path = folder / f"{told}-{hashlib.sha256(content).hexdigest()[:24]}{suffix}"
    try:
        if not path.exists():
            write_whole(path, content)
    except OSError as error:
        raise UserError(
            f"the data cannot be kept in the cache: {error.strerror or error}", where=str(folder)
        ) from error
    return str(path)


def _parquet(value: Any, where: str) -> tuple[str, bytes]:
    """The rows as Parquet; nothing where a column holds values of several types."""
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(value, datasets.DatasetDict | datasets.IterableDataset):
        raise DataError(
            f"a {type(value).__name__} is not read", where=where, hint="give one split, a Dataset"
        )
    try:
        if isinstance(value, datasets.Dataset):
            table = value.with_format("arrow")[:]
            table = table.replace_schema_metadata(value.features.arrow_schema.metadata)
        elif isinstance(value, pa.Table):
            table = value
        elif hasattr(value, "to_arrow"):
            table = value.to_arrow()
        else:
            table = pa.Table.from_pandas(value, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError):
        return "", b""
    if any(pa.types.is_binary(kind) for kind in table.schema.types):
        return "", b""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return ".parquet", sink.getvalue().to_pybytes()


def _jsonl(value: Any, where: str) -> bytes:
    rows = value.to_dict("records") if hasattr(value, "to_dict") else value
    lines = []
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(
                f"row {i} is {type(row).__name__}, not a mapping of columns",
                where=where,
                hint='rows are such as {"text": "...", "label": "..."}',
            )
        lines.append(_line(row, i, where))
    return "".join(lines).encode("utf-8", "surrogatepass")


def _line(row: Mapping[str, Any], number: int, where: str) -> str:
    for name, value in row.items():
        if isinstance(value, bytes):
            raise DataError(
                f"row {number} holds bytes in {name!r}, not a text",
                where=where,
                hint="decode them: value.decode()",
            )
    plain = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }
    try:
        return json.dumps(plain, ensure_ascii=False, default=_scalar) + "\n"
    except (TypeError, ValueError) as error:
        raise DataError(f"row {number} cannot be kept: {error}", where=where) from error


def _scalar(value: Any) -> Any:
    """A scalar of NumPy, or a date, as JSON has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")
