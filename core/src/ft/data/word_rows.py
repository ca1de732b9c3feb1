"""Tables with a word a row, and a column that tells the sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.rows.bad import Sink
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry, batches

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 1000


def has_word_rows(entry: Entry, tokens: str, tags: str) -> bool:
    """Whether each of several rows holds one word and its tag, as texts."""
    rows = 0
    for batch in batches(entry):
        for name in (tokens, tags):
            for value in batch.column(batch.schema.names.index(name)).to_pylist():
                if value is not None and not isinstance(value, str):
                    return False
                if value and (value[:1] == "[" or any(space in value for space in " \t\n")):
                    return False
        rows += batch.num_rows
    return rows > 1


def sentences(
    entry: Entry, name: str, tokens: str, tags: str, number: str | None, owner: str
) -> Entry:
    """The entry with a sentence a row: rows that follow each other with one number are one.

    Args:
        entry: a table with a word a row.
        name: what messages call the file.
        tokens: the column of the word.
        tags: the column of its tag.
        number: the column of the sentence's number, which may stand in its first row alone.
        owner: the plugin, for the names of settings.

    Raises:
        DataError: there is no such column.
    """
    if number is None:
        raise DataError(
            "each row holds one word, and no column tells which sentence it is of",
            where=name,
            hint=f"name it: {owner}.columns.sentence_id",
        )

    def build(sink: Sink) -> Iterator[pa.RecordBatch]:
        sink.inherit(entry)
        sink.note(f"each row holds one word; the column {number!r} tells the sentences")
        sink.columns["sentence_id"] = number
        yield _batch([])
        found: list[dict[str, Any]] = []
        for sentence in _groups(entry, tokens, tags, number):
            bad = next((row for row in sentence["rows"] if not (row[0] and row[1])), None)
            if bad is not None:
                what = "word" if not bad[0] else "tag"
                raw = " ".join(f"{word}/{tag}" for word, tag, _ in sentence["rows"])
                sink.reject(bad[2], f"has no {what}", raw)
                continue
            found.append(sentence)
            if len(found) == _BATCH_ROWS:
                yield _batch(found)
                found = []
        yield _batch(found)
        for row in entry.bad_rows():
            sink.reject(row["line"], row["reason"], row["raw"])

    return cached(make_key("sentences", entry.folder.name, tokens, tags, number), build)


def _groups(entry: Entry, tokens: str, tags: str, number: str) -> Iterator[dict[str, Any]]:
    rows: list[tuple[str, str, int]] = []
    current: Any = None
    for batch in batches(entry):
        names = batch.schema.names
        columns = [
            batch.column(names.index(name)).to_pylist() for name in (number, tokens, tags, LINE)
        ]
        for key, word, tag, line in zip(*columns, strict=True):
            if rows and key not in (None, "") and key != current:
                yield {"rows": rows, LINE: rows[0][2]}
                rows = []
            current = current if key in (None, "") else key
            rows.append((word, tag, line))
    if rows:
        yield {"rows": rows, LINE: rows[0][2]}


def _batch(found: list[dict[str, Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    kind = pa.list_(pa.string())
    columns = [pa.array([[row[i] for row in one["rows"]] for one in found], kind) for i in (0, 1)]
    lines = pa.array([one[LINE] for one in found], pa.int64())
    return pa.RecordBatch.from_arrays([*columns, lines], ["tokens", "tags", LINE])
