"""Several columns of a file as one of ours: texts joined, columns of 0 and 1 as the labels set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ft.contract.errors import FtError, raise_all
from ft.data.rows.bad import Sink, without
from ft.data.rows.columns import missing_column

if TYPE_CHECKING:
    import pyarrow as pa

BETWEEN = "\n"
"""Stands between texts that are joined."""

_BITS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


def combined(
    batch: pa.RecordBatch,
    columns: Mapping[str, str | tuple[str, ...]],
    label: str,
    name: str,
    owner: str,
    sink: Sink,
) -> pa.RecordBatch:
    """A reader's batch with each of our columns that is several of the file's put together.

    Args:
        batch: of a reader, the line in the last column.
        columns: the file's name or names for ours; the result has our name for several.
        label: our column of labels, whose parts are columns of 0 and 1.
        name: what messages call the file.
        owner: the plugin, for the names of settings.
        sink: takes rows whose parts are neither 0 nor 1.

    Raises:
        DataError: a column is not there.
    """
    import pyarrow as pa

    for ours, theirs in columns.items():
        if isinstance(theirs, str):
            continue
        names = batch.schema.names
        missing: list[FtError] = [
            missing_column(names[:-1], ours, {ours: one}, name, f"{owner}.columns")
            for one in theirs
            if one not in names[:-1]
        ]
        raise_all(missing)
        cells = [batch.column(names.index(one)).to_pylist() for one in theirs]
        reasons: dict[int, str] = {}
        made: pa.Array
        if ours == label:
            rows = [
                _labels(row, theirs, i, reasons) for i, row in enumerate(zip(*cells, strict=True))
            ]
            made = pa.array(rows, pa.list_(pa.string()))
        else:
            made = pa.array([_text(row) for row in zip(*cells, strict=True)], pa.string())
        kept = [one for one in names if one not in theirs]
        whole = pa.RecordBatch.from_arrays(
            [made, *(batch.column(names.index(one)) for one in kept)], [ours, *kept]
        )
        batch = without(whole, reasons, batch, sink)
    return batch


def _text(parts: Sequence[Any]) -> str | None:
    found = [str(part) for part in parts if part is not None and str(part).strip()]
    return BETWEEN.join(found) if found else None


def _labels(
    row: Sequence[Any], names: Sequence[str], place: int, reasons: dict[int, str]
) -> list[str]:
    found = []
    for name, value in zip(names, row, strict=True):
        bit = _BITS.get(str(value).strip().lower())
        if bit is None:
            reasons[place] = f"has {value!r} in the column {name!r} of labels, neither 0 nor 1"
        elif bit:
            found.append(name)
    return found


def bit_columns(batch: pa.RecordBatch, taken: Sequence[str]) -> list[str]:
    """Columns that hold nothing but 0 and 1, as labels of several classes may be written."""
    found = []
    for name, column in zip(batch.schema.names[:-1], batch.columns, strict=False):
        values = {str(value).strip().lower() for value in column.to_pylist() if value is not None}
        if name not in taken and values and values <= set(_BITS):
            found.append(name)
    return found if batch.num_rows > 1 else []
