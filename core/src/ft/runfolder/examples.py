"""The examples of a scored split as JSON rows, to be read beside their predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.paths import public
from ft.contract.schema import FILE, LINE, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

PLACE = "place"
"""Key of a row that tells where its example comes from, ``file:line``; there if that is known."""


def example_rows(
    data: Dataset, schema: Schema, files: Sequence[Path] = ()
) -> Iterator[dict[str, Any]]:
    """Each example as the columns that the schema names, what was to be predicted among them.

    Args:
        data: the split.
        schema: what its columns are.
        files: the source files that `FILE` indexes.
    """
    columns = [name for name in schema.columns() if name in data.column_names]
    placed = bool(files) and LINE in data.column_names and PLACE not in columns
    wanted = [*columns, *(name for name in (LINE, FILE) if placed and name in data.column_names)]
    if not wanted:
        yield from ({} for _ in range(len(data)))
        return
    names = [public(file) for file in files]
    for row in data.select_columns(wanted):
        example = {name: row[name] for name in columns}
        if placed:
            example[PLACE] = f"{names[row.get(FILE) or 0]}:{row[LINE]}"
        yield example
