"""A tenth of train held out for validation where there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ft.data.rows.bad import Sink
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry
from ft.data.rows.hashing import content_columns, row_hashes
from ft.data.tags.bigrams import batches

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset

SHARE = 0.1


def hold_out(
    data: Dataset, entries: Sequence[Entry], content: Sequence[str]
) -> tuple[list[Entry], list[Entry]]:
    """Divide the entries of train in two, each into a file of its own.

    Args:
        data: train.
        entries: the entries that it is made of, in order.
        content: the columns that make two examples the same; default: all.

    Returns:
        What is kept and what is held out; of the latter none where nothing can be.
    """
    import numpy as np

    names = [name for name in content if name in data.column_names]
    mask = held_rows(row_hashes(data, names or content_columns(data.column_names)))
    if not mask.any():
        return list(entries), []
    edges = np.cumsum([entry.rows for entry in entries])[:-1]
    parts = list(zip(entries, np.split(mask, edges), strict=True))
    return (
        [_taken(entry, ~held) for entry, held in parts],
        [_taken(entry, held) for entry, held in parts],
    )


def held_rows(hashes: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Which rows are held out, by a hash of their content.

    Which side an example falls on depends on nothing but itself, so adding examples moves none,
    and examples of equal content stay together. Of two or more different ones, each side gets one.

    Args:
        hashes: (rows,), uint64.
        share: about so many of the rows are held out.

    Returns:
        (rows,), bool.
    """
    import numpy as np

    held: np.ndarray = hashes < np.uint64(share * 2**64)
    lowest, highest = hashes.min(), hashes.max()
    if lowest == highest:
        return np.zeros(len(hashes), bool)
    if held.all():
        return np.asarray(hashes != highest)
    return held if held.any() else np.asarray(hashes == lowest)


def _taken(entry: Entry, mask: np.ndarray) -> Entry:
    """Some rows of an entry as an entry: a file read in order is faster than picked rows."""
    import numpy as np
    import pyarrow as pa

    def build(sink: Sink) -> Iterator[pa.RecordBatch]:
        row = 0
        for batch in batches(entry):
            yield batch.filter(pa.array(mask[row : row + batch.num_rows]))
            row += batch.num_rows

    which = hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()
    return cached(make_key("rows", entry.folder.name, which), build)
