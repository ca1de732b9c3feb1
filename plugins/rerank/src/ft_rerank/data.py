"""Rows of candidates as training pairs, and as one list of candidates for each query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from ft import FILE, LINE, DataError, TaskData, is_blank

QUERY, TEXT, GRADE, ID = "query", "text", "grade", "id"
CANDIDATES, GRADES, IDS = "candidates", "grades", "ids"

HIGHEST_GRADE = 1000
"""Beyond it 2^grade, by which nDCG counts, is near what a float64 holds."""


def row_fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row of a file, or ``None``."""
    for column in (QUERY, TEXT):
        value = row[column]
        if not isinstance(value, str) or is_blank(value):
            return f"has no {column}" if value in (None, "") else f"has {value!r} for a {column}"
    try:
        grade = float(row[GRADE])
    except (TypeError, ValueError):
        return f"has {row[GRADE]!r} for a grade, which is no number"
    if not isfinite(grade):
        return f"has the grade {row[GRADE]}, which is no number"
    if grade > HIGHEST_GRADE:
        return (
            f"has the grade {row[GRADE]}, above {HIGHEST_GRADE:,}: nDCG counts a grade as 2^grade, so "
            "make few steps of yours, such as 0 to 4"
        )
    return None if grade >= 0 else f"has the grade {row[GRADE]}, below 0"


def names_of(given: Iterable[Any]) -> list[str]:
    """What candidates are called: their ids, or where one is missing its place, counted from 1."""
    return [str(k if one in (None, "") or one != one else one) for k, one in enumerate(given, 1)]


def twice(names: Sequence[str]) -> tuple[int, int] | None:
    """The places of the first name that stands twice, from 0."""
    first: dict[str, int] = {}
    for k, name in enumerate(names):
        if first.setdefault(name, k) != k:
            return first[name], k
    return None


@dataclass
class Rows:
    """The rows of a split.

    Attributes:
        table: as they stand in the files.
        grades: (rows,) float64.
        order: (rows,) the rows by query, in the order of the files.
        starts: (queries + 1,) where each query begins in ``order``, and the end.
    """

    table: pa.Table
    grades: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, data: Dataset) -> Rows:
        """Group the rows by their query."""
        table = data.with_format("arrow")[:]
        column = table[GRADE]
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pc.utf8_trim_whitespace(column)
        grades = pc.cast(column, pa.float64()).to_numpy()
        codes = pc.dictionary_encode(table[QUERY].combine_chunks()).indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 2))
        return cls(table, grades, order, starts)

    @property
    def queries(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    def of_query(self, number: int) -> np.ndarray:
        """The rows of a query, in the order of the files."""
        rows: np.ndarray = self.order[self.starts[number] : self.starts[number + 1]]
        return rows

    def drawn(self, number: int, count: int, draw: np.random.Generator) -> np.ndarray:
        """Rows of other queries, at random, for a query whose candidates are all relevant."""
        own = self.of_query(number)
        if not count or not self.grades[own].all():
            return np.zeros(0, np.int64)
        known = set(self.texts(own))
        rows = draw.permutation(len(self.grades))[: count + len(own) + 8 * len(known)]
        found: dict[str, int] = {}
        for row, text in zip(rows.tolist(), self.texts(rows), strict=True):
            if text not in known:
                found.setdefault(text, row)
        return np.array(list(found.values())[:count], np.int64)

    def texts(self, rows: np.ndarray) -> list[str]:
        """The texts of rows."""
        texts: list[str] = self.table[TEXT].take(pa.array(rows)).to_pylist()
        return texts


def training_pairs(data: Dataset, count: int, draw: np.random.Generator) -> tuple[Dataset, int]:
    """A row for each pair of query and candidate, and how many of them were drawn."""
    rows = Rows.of(data)
    table = rows.table.set_column(
        rows.table.column_names.index(GRADE), GRADE, pa.array(rows.grades)
    )
    parts, drawn = [table], 0
    for number in range(rows.queries):
        others = rows.drawn(number, count, draw)
        if len(others):
            own = rows.of_query(number)[0]
            new = table.take(pa.array(others))
            for column in (QUERY, LINE, FILE):
                if column in table.column_names:
                    same = pa.array([table[column][own].as_py()] * len(others), new[column].type)
                    new = new.set_column(new.column_names.index(column), column, same)
            zeros = pa.array(np.zeros(len(others)))
            parts.append(new.set_column(new.column_names.index(GRADE), GRADE, zeros))
            drawn += len(others)
    return Dataset(pa.concat_tables(parts).combine_chunks()), drawn


def lists(
    data: Dataset, split: str, source: TaskData, count: int, draw: np.random.Generator
) -> tuple[Dataset, list[str]]:
    """An example for each query with a relevant candidate: the candidates, grades and ids.

    The columns ``text`` and ``grade`` hold the candidate with the best grade, the first of several,
    so that a technique that edits the texts of an example edits this candidate.

    Returns:
        The examples, and notes.

    Raises:
        DataError: a query has two candidates with the same id.
    """
    rows = Rows.of(data)
    names = rows.table.column_names
    columns: dict[str, list[Any]] = {
        name: [] for name in (QUERY, TEXT, GRADE, CANDIDATES, GRADES, IDS, LINE, FILE)
    }
    hopeless = alone = 0
    for number in range(rows.queries):
        own = rows.of_query(number)
        if not rows.grades[own].any():
            hopeless += 1
            continue
        others = rows.drawn(number, count, draw)
        alone += bool(len(others))
        both = np.concatenate([own, others])
        grades = [*rows.grades[own].tolist(), *[0.0] * len(others)]
        texts = rows.texts(both)
        known = (
            rows.table[ID].take(pa.array(both)).to_pylist() if ID in names else [None] * len(both)
        )
        ids = names_of(known)
        if same := twice(ids[: len(own)]):
            first, again = (source.place(split, int(own[k])) for k in same)
            raise DataError(
                f"the query has two candidates with the id {ids[same[1]]!r}, the first at {first}",
                where=again,
                hint="give them ids of their own, or take the column 'id' out",
            )
        top = int(own[0])
        values = {
            QUERY: rows.table[QUERY][top].as_py(),
            TEXT: texts[int(np.argmax(grades))],
            GRADE: max(grades),
            CANDIDATES: texts,
            GRADES: grades,
            IDS: ids,
        }
        for name in (LINE, FILE):
            if name in names:
                values[name] = rows.table[name][top].as_py()
        for name, value in values.items():
            columns[name].append(value)
    notes = []
    if hopeless:
        notes.append(f"{hopeless:,} {split} queries have no relevant candidate and are not scored")
    if alone:
        notes.append(
            f"{alone:,} {split} queries have relevant candidates alone: {count} texts of other "
            "queries stand beside theirs (rerank.candidates)"
        )
    kept = {name: values for name, values in columns.items() if values or name not in (LINE, FILE)}
    return Dataset.from_dict(kept), notes
