"""Examples that stand twice: in one split, in two, or with two different labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from ft.contract.schema import Schema, TaskData
from ft.data.lint.finding import Finding, places
from ft.data.rows.hashing import content_columns, hash64, row_bytes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def input_columns(schema: Schema, names: list[str]) -> list[str]:
    """The columns that a prediction is made from; all content where the schema names none."""
    targets = schema.gold
    found = [name for name in schema.columns() if name in names and name not in targets]
    return found or [name for name in content_columns(names) if name not in targets]


class Duplicates:
    """Keeps 64-bit hashes of the rows.

    `known` is of what a prediction is made from; `whole`, of train, of that and the targets; `asked`, of
    train, of what is known and which targets there are: where several tasks share a text, each row has
    the target of one, and two rows of different tasks do not contradict each other.
    """

    def __init__(self, data: TaskData) -> None:
        self._data = data
        self._known: dict[str, list[np.ndarray]] = {}
        self._whole: list[np.ndarray] = []
        self._asked: list[np.ndarray] = []

    def see(self, split: str, first: int, table: pa.Table) -> None:
        """Hash the rows."""
        names = table.column_names
        inputs = input_columns(self._data.schema, names)
        if not inputs:
            return
        rows = list(row_bytes(table, inputs))
        known = hash64(rows)
        self._known.setdefault(split, []).append(known)
        if split != "train":
            return
        targets = [name for name in self._data.schema.gold if name in names]
        whole = asked = known
        if len(targets) > 1:
            given = zip(*(table[name].is_valid().to_pylist() for name in targets), strict=True)
            asked = hash64(bytes(there) + row for there, row in zip(given, rows, strict=True))
        if targets:
            labelled = zip(rows, row_bytes(table, targets), strict=True)
            whole = hash64(
                len(label).to_bytes(8, "little") + label + row for row, label in labelled
            )
        self._whole.append(whole)
        self._asked.append(asked)

    def findings(self) -> Iterator[Finding]:
        """Duplicates in train, between splits, and with different labels."""
        import numpy as np

        known = {split: np.concatenate(parts) for split, parts in self._known.items()}
        if "train" in known:
            yield from self._within(np.concatenate(self._asked), np.concatenate(self._whole))
        for one, other in combinations(known, 2):
            rows = np.flatnonzero(np.isin(known[other], known[one]))
            if len(rows):
                yield Finding(
                    "warning",
                    f"overlap-{one}-{other}",
                    f"{len(rows):,} of {len(known[other]):,} examples of {other} are in {one} too",
                    places(self._data, ((other, row) for row in rows.tolist())),
                    len(rows),
                )

    def _within(self, asked: np.ndarray, whole: np.ndarray) -> Iterator[Finding]:
        import numpy as np

        again = _repeated(whole)
        if len(again):
            yield Finding(
                "warning",
                "duplicates",
                _told(len(again)),
                places(self._data, (("train", row) for row in again.tolist())),
                len(again),
            )
        if any(target.kind == "order" for target in self._data.schema.targets):
            return  # several things may be right for one input
        _, first = np.unique(whole, return_index=True)
        several = first[_repeated(asked[first])]
        texts = np.unique(asked[several])
        if len(texts):
            rows = np.flatnonzero(np.isin(asked, texts))
            yield Finding(
                "warning",
                "conflicting-labels",
                "1 input of train has different labels"
                if len(texts) == 1
                else f"{len(texts):,} inputs of train have different labels",
                places(self._data, (("train", row) for row in rows.tolist())),
                len(texts),
            )


def _repeated(hashes: np.ndarray) -> np.ndarray:
    """The rows, rising, whose hash stands in a row before."""
    import numpy as np

    _, first = np.unique(hashes, return_index=True)
    again = np.ones(len(hashes), bool)
    again[first] = False
    return np.flatnonzero(again)


def _told(again: int) -> str:
    if again == 1:
        return "1 training example is a duplicate of an earlier one"
    return f"{again:,} training examples are duplicates of earlier ones"
