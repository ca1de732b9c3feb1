"""An entry made from another one, batch by batch; what a step finds malformed joins the bad rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ft.contract.errors import raise_all
from ft.contract.schema import LINE
from ft.data.rows.bad import HOPELESS, Hopeless, Sink, hopeless_errors
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry, batches

if TYPE_CHECKING:
    import pyarrow as pa

Step = Callable[["pa.RecordBatch", Sink], "tuple[pa.RecordBatch, Mapping[int, str]]"]
"""Makes a batch of as many rows, and says what is wrong with a row, by its position."""


def derive(entry: Entry, name: str, options: list[Any], step: Step) -> Entry:
    """The entry that a step makes of another one.

    Args:
        entry: a file as it was read.
        name: what messages call the file.
        options: JSON values; everything that decides what the step does.
        step: see `Step`.

    Raises:
        DataError: more rows are malformed than not.
    """

    def build(sink: Sink) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        sink.inherit(entry)
        bad = [(row["line"], row["reason"], row["raw"]) for row in entry.bad_rows()]
        found = len(bad)
        seen = 0
        for batch in batches(entry):
            made, reasons = step(batch, sink)
            for i in sorted(reasons):
                line, raw = _raw(batch, i, entry.columns)
                bad.append((line, reasons[i], raw))
            seen += batch.num_rows
            yield made.filter(
                pa.array([i not in reasons for i in range(batch.num_rows)], pa.bool_())
            )
            if len(bad) - found >= HOPELESS and 2 * (len(bad) - found) > seen:
                break
        sink.seen = seen - (len(bad) - found)
        for line, reason, raw in sorted(bad):
            sink.reject(line, reason, raw)

    try:
        return cached(make_key("derived", entry.folder.name, options), build)
    except Hopeless as error:
        raise_all(hopeless_errors(error, name))
        raise


def _raw(batch: pa.RecordBatch, row: int, columns: Mapping[str, str]) -> tuple[int, str]:
    """The line of a row, and the row as JSON under the file's own names."""
    (values,) = batch.slice(row, 1).to_pylist()
    line = values.pop(LINE)
    named = {columns.get(name, name): value for name, value in values.items()}
    return line, json.dumps(named, ensure_ascii=False, default=str)
