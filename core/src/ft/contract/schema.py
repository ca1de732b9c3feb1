"""What each column of a data set is, so that a technique need not know which task it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

LINE = "line"
"""Column with the 1-based line (or row) of its source file at which an example begins."""

FILE = "file"
"""Column with the index into ``TaskData.files[split]`` of the file an example comes from."""

EXAMPLE_ID = "example_id"
"""Key the core adds to every batch of raw examples: the example's position in its split."""


@dataclass(frozen=True)
class Words:
    """A sentence as a list of words, with one tag a word.

    Attributes:
        tokens: column of ``list[str]``, the words.
        tags: column of ``list[str]`` of the same length; ``None`` where there are no tags.
        labels: every tag, ``"O"`` first, the position is the class id.
        scheme: how the tags mark spans; the readers convert every scheme to ``"BIO2"``;
            ``None`` for plain tags (parts of speech), which any word may carry.
    """

    tokens: str = "tokens"
    tags: str | None = "tags"
    labels: tuple[str, ...] = ()
    scheme: str | None = "BIO2"


@dataclass(frozen=True)
class Text:
    """A column of free text. A technique rewrites it only where ``editable``
    (a text that other columns point into by offset is not).
    """

    column: str
    editable: bool = True


@dataclass(frozen=True)
class Label:
    """What is to be predicted for a whole example.

    Attributes:
        column: its column: a string (``single``, ``ordinal``), a list of strings (``multi``)
            or a float (``number``).
        names: the classes, the position is the class id; empty for ``number``.
            For ``ordinal`` they stand in rising order.
        kind: one class of several, any number of them, ranks in order, or a number.
    """

    column: str = "label"
    names: tuple[str, ...] = ()
    kind: Literal["single", "multi", "ordinal", "number"] = "single"


@dataclass(frozen=True)
class Schema:
    """The roles of a data set's columns.

    Attributes:
        words: words with tags.
        texts: free texts; two of them are a pair, encoded together.
        label: what is predicted for the whole example.
        group: column that names the group an example is ranked in (a user, a query).
        numbers: numeric columns beside the text.
        categories: categorical columns beside the text.
        extra: anything else that a task must know again at prediction; JSON values only.
    """

    words: Words | None = None
    texts: tuple[Text, ...] = ()
    label: Label | None = None
    group: str | None = None
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def columns(self) -> Iterator[str]:
        """Every column that the schema names, target columns included."""
        if self.words:
            yield self.words.tokens
            if self.words.tags:
                yield self.words.tags
        yield from (text.column for text in self.texts)
        if self.label:
            yield self.label.column
        if self.group:
            yield self.group
        yield from self.numbers
        yield from self.categories

    def targets(self) -> tuple[str, ...]:
        """The columns that hold what is to be predicted."""
        words = self.words.tags if self.words else None
        label = self.label.column if self.label else None
        return tuple(column for column in (words, label) if column)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, read back by `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote."""
        words, label = values["words"], values["label"]
        return cls(
            words=Words(**{**words, "labels": tuple(words["labels"])}) if words else None,
            texts=tuple(Text(**text) for text in values["texts"]),
            label=Label(**{**label, "names": tuple(label["names"])}) if label else None,
            group=values["group"],
            numbers=tuple(values["numbers"]),
            categories=tuple(values["categories"]),
            extra=values["extra"],
        )


@dataclass
class TaskData:
    """What `load_data` returns.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``;
            rows are raw examples, before any tokenizer.
        schema: what the columns are.
        files: the source files of each split, in the order that `FILE` indexes.
        notes: what the reader decided for the user, said aloud before training.
    """

    splits: DatasetDict
    schema: Schema
    files: dict[str, list[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def place(self, split: str, row: int) -> str:
        """Where an example comes from, ``file:line`` if that is known, else ``split[row]``."""
        data: Dataset = self.splits[split]
        if LINE not in data.column_names or not self.files.get(split):
            return f"{split}[{row}]"
        example = data[row]
        return f"{self.files[split][example.get(FILE) or 0]}:{example[LINE]}"

    def places(self, split: str, rows: Sequence[int], most: int = 8) -> str:
        """Where several examples come from, the first ``most`` of them by name."""
        more = f" and {len(rows) - most} more" if len(rows) > most else ""
        return ", ".join(self.place(split, row) for row in rows[:most]) + more
