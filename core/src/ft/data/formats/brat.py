"""BRAT's standoff: a text beside an ``.ann`` file of spans; each line of the text is an example."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.formats.lines import chunks
from ft.data.rows.bad import Sink

if TYPE_CHECKING:
    import pyarrow as pa


def read_brat(
    path: Path, name: str, encoding: str, owner: str, sink: Sink
) -> Iterator[pa.RecordBatch]:
    """A document as batches of ``text``, ``entities`` and the line of the text file.

    Offsets count characters of the whole text, a line end as one. Relations, events and
    attributes are passed over. A line with a span that is broken, or goes beyond the line, is set
    aside.

    Raises:
        DataError: the text or the spans are not there.
    """
    import pyarrow as pa

    found, marked = path.with_suffix(".txt"), path.with_suffix(".ann")
    for one in (found, marked):
        if not one.is_file():
            raise DataError(
                f"{one.name} is not there; BRAT has a .txt beside each .ann", where=name
            )
    sink.layout = "BRAT"
    lines = [line for chunk in chunks(found, encoding, owner) for line in chunk.lines]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans: list[list[dict[str, Any]]] = [[] for _ in lines]
    reasons: dict[int, str] = {}
    for key, kind, start, end, pieces in _spans(marked, encoding, owner, name):
        at = next((i for i in range(len(lines)) if starts[i] <= start < starts[i + 1]), None)
        if at is None:
            raise DataError(
                f"{key} begins at character {start}, and the text has {starts[-1]}",
                where=str(marked),
            )
        if pieces > 1:
            reasons[at] = f"has {key}, a span of {pieces} pieces"
        elif end > starts[at] + len(lines[at]):
            reasons[at] = f"has {key}, a span that goes beyond the line"
        spans[at].append({"start": start - starts[at], "end": end - starts[at], "label": kind})
    kept = [i for i, line in enumerate(lines) if line.strip() and i not in reasons]
    for i, reason in reasons.items():
        sink.reject(i + 1, reason, lines[i])
    kinds = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string())])
    columns = [
        pa.array([lines[i] for i in kept], pa.string()),
        pa.array([spans[i] for i in kept], pa.list_(kinds)),
        pa.array([i + 1 for i in kept], pa.int64()),
    ]
    yield pa.RecordBatch.from_arrays(columns, ["text", "entities", LINE])


def _spans(
    path: Path, encoding: str, owner: str, name: str
) -> Iterator[tuple[str, str, int, int, int]]:
    """The name, type, first and last offset and number of pieces of each span."""
    for chunk in chunks(path, encoding, owner):
        for number, line in enumerate(chunk.lines, chunk.first):
            if not line.startswith("T"):
                continue
            key, _, rest = line.partition("\t")
            kind, _, places = rest.partition("\t")[0].partition(" ")
            try:
                pieces = [tuple(map(int, piece.split())) for piece in places.split(";")]
                yield key, kind, pieces[0][0], pieces[-1][1], len(pieces)
            except (ValueError, IndexError) as error:
                raise DataError(
                    "is not 'T1<tab>TYPE START END<tab>TEXT'", where=f"{path}:{number}"
                ) from error
