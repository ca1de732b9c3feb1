"""A tenth of train held out for validation where there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ft.data.rows.bad import Sink
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry, batches
from ft.data.rows.hashing import content_columns, row_hashes, tables
from ft.data.tags.tags import OUTSIDE, split_tag

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset

SHARE = 0.1
"""Of the rows, and of those of each label, so many are held out."""

Content = Sequence[str] | Callable[[Mapping[str, Any]], bytes]
"""The columns that make two examples the same, or a function of a row that gives its content."""

FEWEST = 5
"""A label with so many different examples has one among those held out."""


def hold_out(
    data: Dataset, entries: Sequence[Entry], content: Content, label: str | None = None
) -> tuple[list[Entry], list[Entry]]:
    """Divide the entries of train in two, each into a file of its own.

    Args:
        data: train.
        entries: the entries that it is made of, in order.
        content: what makes two examples the same; no columns: all.
        label: the column whose labels, or types of spans, are divided in the same proportion.

    Returns:
        What is kept and what is held out; of the latter none where nothing can be.
    """
    import numpy as np

    if callable(content):
        digests = (hashlib.blake2b(content(row), digest_size=8).digest() for row in data)
        hashes = np.frombuffer(b"".join(digests), "<u8")
    else:
        names = [name for name in content if name in data.column_names]
        hashes = row_hashes(data, names or content_columns(data.column_names))
    mask = held_rows(hashes, *(label_codes(data, label)[:2] if label else ()))
    if not mask.any():
        return list(entries), []
    edges = np.cumsum([entry.rows for entry in entries])[:-1]
    parts = list(zip(entries, np.split(mask, edges), strict=True))
    return (
        [_taken(entry, ~held) for entry, held in parts],
        [_taken(entry, held) for entry, held in parts],
    )


def label_codes(data: Dataset, column: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Which rows carry which labels; tags in BIO2 stand for the type of the span that they begin.

    Returns:
        (pairs,) rows, rising, and (pairs,) positions in the third, the labels' names. A row has a
        pair for each of its labels; one without any has none.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    names: dict[str, int] = {}
    rows, codes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    first = 0
    for table in tables(data, [column]):
        values = table.column(0).combine_chunks()
        parents = np.arange(len(values))
        listed = pa.types.is_list(values.type)
        if listed:
            parents, values = pc.list_parent_indices(values).to_numpy(), values.flatten()
        coded = values.dictionary_encode()
        known = [_name(value, listed) for value in coded.dictionary.to_pylist()]
        place = [-1 if name is None else names.setdefault(name, len(names)) for name in known]
        found = np.array([*place, -1])[coded.indices.fill_null(len(place)).to_numpy()]
        rows.append(first + parents[found >= 0])
        codes.append(found[found >= 0])
        first += table.num_rows
    return np.concatenate(rows), np.concatenate(codes), list(names)


def _name(value: Any, listed: bool) -> str | None:
    """What a value is counted as: itself, or the type of the span that a tag begins."""
    if isinstance(value, float) or value is None:
        return None  # numbers are no classes
    prefix, kind = split_tag(str(value)) if listed else ("", str(value))
    if prefix == OUTSIDE or prefix in set("IEML"):
        return None
    return kind if prefix else str(value)


def held_rows(
    hashes: np.ndarray,
    rows: np.ndarray | None = None,
    codes: np.ndarray | None = None,
    share: float = SHARE,
) -> np.ndarray:
    """Which rows are held out: of each label those whose content has the lowest hashes.

    Examples of equal content stay together; those that are more than the share of all rows stay in
    train. The rarest labels are divided first (Sechidis et al. 2011), and train keeps an example
    of each. Where a file grows, hardly any example changes sides.

    Args:
        hashes: (rows,), uint64.
        rows: (pairs,) the row of each of the labels.
        codes: (pairs,) the labels, as numbers from 0; default: none.
        share: of the rows of each label, so many are held out.

    Returns:
        (rows,), bool.
    """
    import numpy as np

    _, groups, sizes = np.unique(hashes, return_inverse=True, return_counts=True)  # by the hash
    held = np.zeros(len(sizes), bool)
    if len(sizes) < 2:
        return np.zeros(len(hashes), bool)
    if rows is None or codes is None:
        rows = codes = np.zeros(0, np.int64)
    labelled = np.zeros(len(sizes), bool)
    labelled[groups[rows]] = True
    classes = int(codes.max()) + 1 if len(codes) else 0
    bare = groups[~labelled[groups]]  # have a class of their own
    classes_and_groups = [
        np.append(codes, np.full(len(bare), classes)),
        np.append(groups[rows], bare),
    ]
    pairs, occurrences = np.unique(np.stack(classes_and_groups), axis=1, return_counts=True)
    starts = np.searchsorted(pairs[0], np.arange(classes + 2)).tolist()
    members = [pairs[1][a:b] for a, b in pairwise(starts)]
    weights = [occurrences[a:b] for a, b in pairwise(starts)]
    small = sizes <= max(1, share * len(hashes))
    left = np.array([len(member) for member in members])
    of_group: dict[int, list[int]] = {}
    for code, group in zip(*pairs.tolist(), strict=True):
        of_group.setdefault(group, []).append(code)

    def take(candidates: np.ndarray, amounts: np.ndarray, wanted: float) -> None:
        """Hold out the first groups whose amounts make up what is wanted."""
        least = amounts.min()
        for group, amount in zip(candidates.tolist(), amounts.tolist(), strict=True):
            if wanted < 0.5:
                return
            mine = [code for code in of_group[group] if code < classes]
            if held[group] or not small[group] or amount > max(wanted + 1, least):
                continue
            if all(left[code] > 1 for code in mine):
                held[group] = True
                left[of_group[group]] -= 1
                wanted -= amount

    for code in np.argsort(left, kind="stable").tolist():
        member = members[code]
        if len(member) >= FEWEST:
            wanted = max(1.0, share * weights[code].sum())
            take(member, weights[code], wanted - weights[code][held[member]].sum())
    missing = max(1.0, share * len(hashes)) - sizes[held].sum()
    if missing >= 0.5 * share * len(hashes):
        take(np.arange(len(sizes)), sizes, missing)
    if held.all():
        held[-1] = False
    return np.asarray(held[groups])


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
