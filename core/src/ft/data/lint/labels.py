"""Labels and tags: rare ones, unseen and absent ones, those that look like another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ft.contract.messages import listed
from ft.contract.schema import TaskData
from ft.data.lint.finding import Finding, places
from ft.data.tags.tags import OUTSIDE, split_tag

if TYPE_CHECKING:
    import pyarrow as pa

FEW = 5
"""With fewer training examples, a label is hardly learnt."""

UNEVEN = 20
"""So many times more examples of one label than of another are worth a word."""

_ROWS = 5


class Labels:
    """Counts labels, or the types of the spans that tags mark, in each split."""

    def __init__(self, data: TaskData) -> None:
        self._data = data
        self._counts: dict[str, Counter[str]] = {split: Counter() for split in data.splits}
        self._rows: dict[tuple[str, str], list[int]] = defaultdict(list)
        words, label = data.schema.words, data.schema.label
        self._spans = words is not None and words.scheme is not None
        self._column = (words.tags if words else None) or (label.column if label else None)
        if label is not None and label.kind == "number":
            self._column = None
        self._what = "type" if self._spans else "tag" if words else "label"

    def see(self, split: str, first: int, table: pa.Table) -> None:
        """Count, and remember the first rows of each label."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._column is None or self._column not in table.column_names:
            return
        column = table.column(self._column).combine_chunks()
        if pa.types.is_list(column.type):
            rows, column = pc.list_parent_indices(column).to_numpy(), column.flatten()
        else:
            rows = np.arange(len(column))
        coded = column.dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False)
        for code, value in enumerate(coded.dictionary.to_pylist()):
            name = self._name(value)
            if name is None:
                continue
            found = rows[codes == code]
            self._counts[split][name] += len(found)
            known = self._rows[split, name]
            known.extend((first + found[: _ROWS - len(known)]).tolist())

    def _name(self, value: str) -> str | None:
        """What is counted: a label as it is, of tags the types where a span begins."""
        if not self._spans:
            return value
        prefix, kind = split_tag(value)
        return kind if prefix == "B" else None

    def findings(self) -> Iterator[Finding]:
        """What the counts tell."""
        train = self._counts.get("train")
        if self._column is None or train is None:
            return
        if self._spans and not train:
            yield Finding(
                "warning", "no-spans", f"train has no tag but {OUTSIDE!r}: nothing to learn"
            )
            return
        rows = len(self._data.splits["train"])
        if not self._spans and len(train) == 1 and sum(train.values()) >= rows:
            message = f"every example of train has the {self._what} {next(iter(train))!r}"
            yield Finding("warning", "one-label", message)
        yield from self._rare(train)
        yield from self._unseen(train)
        yield from self._absent(train)
        yield from self._alike()
        most, least = max(train.values()), min(train.values())
        if len(train) > 1 and most > UNEVEN * least:
            common, rare = train.most_common()[0], train.most_common()[-1]
            yield Finding(
                "info",
                "imbalance",
                f"train has {common[1]:,} of {common[0]!r} and {rare[1]:,} of {rare[0]!r}",
            )

    def _rare(self, train: Counter[str]) -> Iterator[Finding]:
        names = set(train)
        label = self._data.schema.label
        if label is not None and not self._data.schema.words:
            names |= set(label.names)
        rare = sorted((name for name in names if train[name] < FEW), key=lambda n: (train[n], n))
        if rare:
            shown = listed([f"{name!r} ({train[name]})" for name in rare])
            rows = (("train", row) for name in rare for row in self._rows["train", name][:1])
            what = f"{self._what} has" if len(rare) == 1 else f"{self._what}s have"
            yield Finding(
                "warning",
                "rare-label",
                f"{len(rare):,} {what} fewer than {FEW} examples in train: {shown}; give more, "
                "or take them together with others",
                places(self._data, rows),
                len(rare),
            )

    def _unseen(self, train: Counter[str]) -> Iterator[Finding]:
        for split, counts in self._counts.items():
            unseen = sorted(set(counts) - set(train))
            if unseen:
                rows = ((split, row) for name in unseen for row in self._rows[split, name])
                yield Finding(
                    "warning",
                    f"unseen-label-{split}",
                    f"{self._what}s of {split} that train never has: "
                    f"{listed([repr(name) for name in unseen])}",
                    places(self._data, rows),
                    sum(counts[name] for name in unseen),
                )

    def _absent(self, train: Counter[str]) -> Iterator[Finding]:
        """What train has and a split that is scored has not."""
        for split, counts in self._counts.items():
            rows = len(self._data.splits[split])
            if self._spans and not counts:
                yield Finding(
                    "warning",
                    f"no-spans-{split}",
                    f"{split} has no tag but {OUTSIDE!r} in {rows:,} examples: there is nothing to "
                    "find, and no score of what is found",
                    count=rows,
                )
            elif absent := sorted(set(train) - set(counts), key=lambda n: (-train[n], n)):
                shown = listed([f"{name!r} ({train[name]:,} in train)" for name in absent])
                yield Finding(
                    "warning",
                    f"absent-label-{split}",
                    f"{self._what}s without an example among the {rows:,} of {split}, so that "
                    f"{split} does not score them: {shown}",
                    count=len(absent),
                )

    def _alike(self) -> Iterator[Finding]:
        folded: dict[str, list[str]] = defaultdict(list)
        for name in sorted({name for counts in self._counts.values() for name in counts}):
            folded["".join(name.split()).casefold()].append(name)
        for names in folded.values():
            if len(names) > 1:
                rows = (
                    (split, row)
                    for name in names
                    for split in self._counts
                    for row in self._rows[split, name][:1]
                )
                yield Finding(
                    "warning",
                    "label-spelling",
                    f"{self._what}s that differ in case or spaces alone: "
                    f"{listed([repr(name) for name in names])}",
                    places(self._data, rows),
                    len(names),
                )
