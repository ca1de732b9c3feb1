"""Columns of tables, found by name and turned into arrays; what does not fit is told by its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ft import LINE, DataError

ALIASES: dict[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userId"),
    "item": ("item", "item_id", "itemId"),
    "rating": ("rating", "score", "stars"),
    "timestamp": ("timestamp", "time", "datetime", "date"),
}


@dataclass
class Table:
    """A file as it was read.

    Attributes:
        name: what messages call it.
        setting: the setting that names it.
        rows: its columns.
    """

    name: str
    setting: str
    rows: pa.Table

    @property
    def names(self) -> list[str]:
        """Its columns, without the line."""
        return [name for name in self.rows.column_names if name != LINE]

    @property
    def lines(self) -> np.ndarray:
        """The line of each row, (rows,)."""
        return np.asarray(self.rows.column(LINE).to_numpy())

    def text(self, column: str) -> pa.Array:
        """A column as strings without outer white space; what is missing is empty.

        A list becomes its values with ``|`` between, also where lists or objects stand in it.
        """
        values = self.rows.column(column).combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = (
                pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], pa.string())
            )
        if pa.types.is_nested(values.type):
            values = pa.array([joined(one) for one in values.to_pylist()], pa.string())
        return pc.utf8_trim_whitespace(pc.fill_null(pc.cast(values, pa.string()), ""))

    def ids(self, column: str) -> pa.Array:
        """A column of ids as strings; where all are whole numbers, ``7.0`` is ``7``.

        So programs write whole numbers of a column in which one was missing.
        """
        texts = self.text(column)
        given = texts.filter(pc.not_equal(texts, ""))
        if len(given) and pc.all(pc.match_substring_regex(given, r"^-?\d+(\.0+)?$")).as_py():
            return pc.replace_substring_regex(texts, r"\.0+$", "")
        return texts

    def keep(self, mask: np.ndarray) -> Table:
        """The rows that ``mask``, (rows,), keeps."""
        return Table(self.name, self.setting, self.rows.filter(pa.array(mask)))


def joined(value: Any) -> str:
    """A value as text; a list's values with ``|`` between, "" for nothing."""
    return "|".join(_leaves(value))


def _leaves(value: Any) -> Iterator[str]:
    """The values of lists in lists, or of objects, that are not missing."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    elif value is not None:
        yield str(value)


@dataclass
class Faults:
    """Rows that cannot be used, by what is wrong with them.

    Attributes:
        rows: file, line and reason of each.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, table: Table, mask: np.ndarray, reason: str, values: Sequence[str] = ()) -> None:
        """Note the rows of a mask; ``values`` fill the ``{}`` of the reason, one a row of it."""
        lines = table.lines
        for k, row in enumerate(np.flatnonzero(mask).tolist()):
            text = reason.format(values[k]) if values else reason
            self.rows.append({"file": table.name, "line": int(lines[row]), "reason": text})

    def error(self, hint: str) -> DataError:
        """The first row's fault as an error that says how many share it."""
        first = self.rows[0]
        more = len(self.rows) - 1
        what = first["reason"] + (
            f" (and {more:,} more rows like it or otherwise bad)" if more else ""
        )
        return DataError(what, where=f"{first['file']}:{first['line']}", hint=hint)


def find(table: Table, ours: str, columns: Mapping[str, str]) -> str | None:
    """The table's name for one of our columns; ``None`` if it has none."""
    named = columns.get(ours)
    if named in table.names:
        return named
    return next((name for name in ALIASES.get(ours, (ours,)) if name in table.names), None)


def require(table: Table, ours: str, columns: Mapping[str, str]) -> str:
    """The table's name for one of our columns.

    Raises:
        DataError: it has none; names the one that is most like it.
    """
    found = find(table, ours, columns)
    if found is not None:
        return found
    wanted = columns.get(ours, ours)
    near = difflib.get_close_matches(wanted, table.names, n=1, cutoff=0.5)
    guess = near[0] if near else "..."
    raise DataError(
        f"there is no column '{wanted}'; the columns are {', '.join(table.names)}",
        where=table.name,
        who=f"plugin recommend, setting {table.setting}",
        hint=f"name it: recommend.columns = {{{ours} = '{guess}'}}",
    )


def numbers(table: Table, column: str, faults: Faults, what: str) -> np.ndarray:
    """A column as float64, (rows,); a value that is no finite number is a fault, and NaN."""
    values = table.rows.column(column)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        parsed = np.asarray(pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy())
        shown = table.text(column)
    else:
        shown = table.text(column)
        parsed = parse(shown)
    bad = ~np.isfinite(parsed)
    texts = shown.filter(pa.array(bad)).to_pylist()
    faults.add(table, bad, f"the {what} {{}} is not a number", [repr(text) for text in texts])
    return parsed


def parse(texts: pa.Array) -> np.ndarray:
    """Strings as float64; NaN where one is no number."""
    try:
        return np.asarray(pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return np.array([_number(text) for text in texts.to_pylist()])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
