"""Which tag follows which: all that tells the scheme of a corpus and what is impossible in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ft.contract.errors import DataError
from ft.data.rows.entry import Entry, batches

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Bigram = tuple[str | None, str | None]
"""A tag and the one after it; ``None`` is the edge of a sentence."""

MOST_TAGS = 10_000


def count_bigrams(entry: Entry, name: str) -> Counter[Bigram]:
    """How often each tag of an entry follows each.

    Raises:
        DataError: there are too many different ones to be tags.
    """
    import numpy as np

    counts: Counter[Bigram] = Counter()
    seen: set[str] = set()
    for batch in batches(entry):
        pairs = find_pairs(batch)
        codes, found = np.unique(pairs.codes, return_counts=True)
        for code, count in zip(codes.tolist(), found.tolist(), strict=True):
            counts[pairs.bigram(code)] += count
        seen.update(pairs.names)
        if len(seen) > MOST_TAGS:
            raise DataError(
                f"the tags are over {MOST_TAGS:,} different ones, such as {pairs.names[-1]!r}",
                where=name,
                hint="is it the right column?",
            )
    return counts


@dataclass(frozen=True)
class Pairs:
    """The bigrams of a batch.

    Attributes:
        names: its tags.
        codes: one number a bigram, the last word of each sentence and the edge after it included,
            in order: (words + sentences,).
        ends: for each sentence, the position in ``codes`` behind its own.
    """

    names: list[str]
    codes: np.ndarray
    ends: np.ndarray

    def bigram(self, code: int) -> Bigram:
        """What a code stands for."""
        before, tag = divmod(code, len(self.names) + 1)
        names = [*self.names, None]
        return names[before], names[tag]


def find_pairs(batch: pa.RecordBatch) -> Pairs:
    """The bigrams of a batch that has a column ``tags``."""
    import numpy as np

    column = batch.column(batch.schema.names.index("tags"))
    coded = column.flatten().dictionary_encode()
    names = coded.dictionary.to_pylist()
    lengths = np.diff(column.offsets.to_numpy())
    words = lengths > 0
    ends = np.cumsum(lengths + words)
    edge = len(names)
    tags = np.full(int(lengths.sum() + words.sum()), edge, np.int64)
    inside = np.ones(len(tags), bool)
    inside[ends[words] - 1] = False
    tags[inside] = coded.indices.to_numpy(zero_copy_only=False)
    before = np.concatenate([[edge], tags[:-1]]) if len(tags) else tags
    return Pairs(names, before * (edge + 1) + tags, ends)
