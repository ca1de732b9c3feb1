"""What the data is like in figures: how long the examples are, how often each label occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ft.contract.schema import Schema
from ft.data.rows.hashing import tables
from ft.data.tags.tags import split_tag

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset

MOST_LABELS = 1000
"""Labels that are counted by name; the rest of them are one sum."""


def statistics(data: Dataset, schema: Schema) -> dict[str, Any]:
    """A split in figures, known by the schema's roles alone. One pass over the rows.

    Returns:
        JSON values. ``lengths``: of each column of words (in words) or text (in characters)
        ``unit``, ``min``, ``median``, ``p95``, ``max``. ``numbers``: the same without a unit, of
        the numeric columns and of a label that is a number. ``labels``: ``of`` (``spans``,
        ``words`` or ``examples``) and ``counts`` by name, the most frequent first. ``groups``:
        how many different ones there are.
    """
    names = set(data.column_names)
    wanted = [name for name in schema.columns() if name in names]
    seen = _Seen(schema)
    for table in tables(data, wanted) if wanted and len(data) else ():
        seen.add(table)
    return seen.summary()


class _Seen:
    def __init__(self, schema: Schema) -> None:
        words, label = schema.words, schema.label
        self._words = words
        self._texts = tuple(text.column for text in schema.texts)
        numeric = label is not None and label.kind == "number"
        self._numeric = (*schema.numbers, *((label.column,) if label and numeric else ()))
        self._label = label.column if label and not numeric else None
        self._group = schema.group
        self._lengths: dict[str, list[np.ndarray]] = {}
        self._numbers: dict[str, list[np.ndarray]] = {}
        self._labels: Counter[str] = Counter()
        self._groups: set[Any] = set()

    def add(self, table: pa.Table) -> None:
        import pyarrow.compute as pc

        for name in table.column_names:
            column = table.column(name)
            if self._words and name == self._words.tokens:
                self._lengths.setdefault(name, []).append(_array(pc.list_value_length(column)))
            elif name in self._texts:
                self._lengths.setdefault(name, []).append(_array(pc.utf8_length(column)))
            if name in self._numeric:
                self._numbers.setdefault(name, []).append(_array(column))
            if name == self._label or (self._words and name == self._words.tags):
                self._labels.update(dict(_counts(column)))
            if name == self._group:
                self._groups.update(column.unique().to_pylist())

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        unit = "words" if self._words else "characters"
        lengths = {name: {"unit": unit, **_spread(parts)} for name, parts in self._lengths.items()}
        numbers = {name: _spread(parts) for name, parts in self._numbers.items()}
        if lengths:
            found["lengths"] = lengths
        if any(numbers.values()):
            found["numbers"] = numbers
        if self._labels:
            found["labels"] = self._label_counts()
        if self._group:
            found["groups"] = len(self._groups)
        return found

    def _label_counts(self) -> dict[str, Any]:
        counts, of = self._labels, "examples"
        if self._words:
            of = "words"
            if self._words.scheme is not None:
                of, counts = "spans", Counter()
                for tag, count in self._labels.items():
                    prefix, kind = split_tag(tag)
                    if prefix == "B":
                        counts[kind] += count
        listed = counts.most_common(MOST_LABELS)
        rest = counts.total() - sum(count for _, count in listed)
        return {"of": of, "counts": dict(listed)} | ({"others": rest} if rest else {})


def _counts(column: pa.ChunkedArray) -> Iterable[tuple[str, int]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pc.list_flatten(column)
    for row in pc.value_counts(column).to_pylist():
        if row["values"] is not None:
            yield str(row["values"]), row["counts"]


def _array(column: Any) -> np.ndarray:
    import numpy as np

    return np.asarray(column.drop_null().to_numpy(), dtype=np.float64)


def _spread(parts: Sequence[np.ndarray]) -> dict[str, float]:
    import numpy as np

    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    low, middle, high, top = np.quantile(values, [0, 0.5, 0.95, 1], method="nearest")
    return {"min": float(low), "median": float(middle), "p95": float(high), "max": float(top)}
