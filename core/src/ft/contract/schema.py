"""What each column of a data set is, so that a technique need not know which task it serves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from ft.contract.messages import listed

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

POOL = "pool"
"""The split of unlabelled examples: never scored, there for techniques that train on it."""

LINE = "line"
"""Column with the 1-based line (or row) of its source file at which an example begins."""

FILE = "file"
"""Column with the index into ``TaskData.files[split]`` of the file an example comes from."""

TASK = "task"
"""Column that says which task a row is of, where a plugin composes several."""

EXAMPLE_ID = "example_id"
"""Key the core adds to every batch of raw examples: the example's position in its split; in training
those of a pool count on from the end of ``train``."""


@dataclass(frozen=True)
class Words:
    """A sentence as a list of words, with one tag a word.

    Attributes:
        tokens: column of ``list[str]``, the words.
        tags: column of ``list[str]`` of the same length; ``None`` where there are no tags.
        labels: every tag, ``"O"`` first, the position is the class id.
        scheme: how the tags mark spans; the readers convert every scheme to ``"BIO2"``;
            ``None`` for plain tags (parts of speech), which any word may carry.
        weight: of the tags among the targets, see `Target`.
        splitter: the rule by which running text is cut into words, see `ft.data.tags.cutting`;
            of training and evaluation text that is not cut yet, and of requests.
        cut: whether a text is cut where a piece of the tokenizer reaches over the beginning of a
            word, so that every word has pieces of its own. Without, the pieces stay those of the
            text, and a mark that shares its piece (``.`` in ``).``) is within a span where the next
            word continues it, and outside otherwise; the readers choose so for BIO2 if no span of
            the training data ends with such a mark.
    """

    tokens: str = "tokens"
    tags: str | None = "tags"
    labels: tuple[str, ...] = ()
    scheme: str | None = "BIO2"
    weight: float = 1.0
    splitter: str = "words"
    cut: bool = True


@dataclass(frozen=True)
class Text:
    """A column of free text. A technique rewrites it only where ``editable``
    (a text that other columns point into by offset is not).
    """

    column: str
    editable: bool = True


Kind = Literal[
    "tags", "single", "multi", "ordinal", "number", "text", "spans", "relations", "order"
]
"""What a target's column holds, see `Target`."""

LABELS: tuple[Kind, ...] = ("single", "multi", "ordinal", "number")
"""The kinds of target that are a `Label`: one answer for the whole example."""


@dataclass(frozen=True)
class Target:
    """A column that is to be predicted: the gold answer of each example.

    The core takes the column out of requests, keeps it beside the predictions and shows it in the
    report. A row whose column is ``None`` has no gold answer for this target.

    Attributes:
        column: its column.
        names: the classes, the position is the class id; empty where there are none.
        kind: what the column holds:
            ``tags``: a string for each word (made from `Words` where the schema has them);
            ``single``, ``ordinal``: one class, a string (``ordinal``: ``names`` stand in rising order);
            ``multi``: a list of classes;
            ``number``: a float;
            ``text``: a text that the model writes;
            ``spans``: a list of ``{"start": 0, "end": 5, "label": "PER"}``, characters of a text
            (answers to a question, nested entities), the label where there are ``names``;
            ``relations``: a list of ``{"head": 0, "tail": 1, "label": "born_in"}``, whose ends count
            the spans of the example;
            ``order``: a list of strings or numbers in the right order.
        weight: how much its loss counts beside the others', greater than 0: of the losses that a
            task gives to `Run.join` by the columns of the targets, and of a task in `ft.compose`.

    Raises:
        ValueError: there is no such kind, or the weight is not a number greater than 0.
    """

    column: str
    names: tuple[str, ...] = ()
    kind: Kind = "text"
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(
                f"the target '{self.column}' is of the kind '{self.kind}'; the kinds are "
                f"{', '.join(get_args(Kind))}"
            )
        if not 0 < self.weight < math.inf:
            raise ValueError(f"the weight of the target '{self.column}' is {self.weight}")


@dataclass(frozen=True)
class Label(Target):
    """What is to be predicted for a whole example: a `Target` of one of four kinds.

    Attributes:
        column: its column: a string (``single``, ``ordinal``), a list of strings (``multi``)
            or a float (``number``).
        names: the classes, the position is the class id; empty for ``number``.
            For ``ordinal`` they stand in rising order.
        kind: one class of several, any number of them, ranks in order, or a number.
        weight: of its loss beside other targets'.
    """

    column: str = "label"
    kind: Kind = "single"

    def __post_init__(self) -> None:
        if self.kind not in LABELS:
            raise ValueError(
                f"the label '{self.column}' is of the kind '{self.kind}', not one of "
                f"{', '.join(LABELS)}; ft.Target has the other kinds"
            )
        super().__post_init__()


@dataclass(frozen=True, init=False)
class Schema:
    """The roles of a data set's columns.

    Args:
        words: words with tags; their tags are the first target.
        texts: free texts; two of them are a pair, encoded together.
        label: short for the first of ``targets``; `with_label` changes it.
        targets: what is to be predicted beside the tags and the label.
        images: columns of images: paths, bytes or arrays, as the task reads them.
        group: column that names the group an example is ranked in (a user, a query).
        numbers: numeric columns beside the text.
        categories: categorical columns beside the text.
        extra: anything else that a task must know again at prediction; JSON values only.
        each_epoch: names of splits beyond train, validation and test that are scored after every
            epoch too, and not only with the best model.

    Attributes:
        targets: every target, those of ``words`` and ``label`` first.

    Raises:
        ValueError: two targets have the same column.
    """

    words: Words | None
    texts: tuple[Text, ...]
    targets: tuple[Target, ...]
    images: tuple[str, ...]
    group: str | None
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    extra: Mapping[str, Any]
    each_epoch: tuple[str, ...]

    def __init__(
        self,
        words: Words | None = None,
        texts: Iterable[Text] = (),
        label: Label | None = None,
        targets: Iterable[Target] = (),
        images: Iterable[str] = (),
        group: str | None = None,
        numbers: Iterable[str] = (),
        categories: Iterable[str] = (),
        extra: Mapping[str, Any] = MappingProxyType({}),
        each_epoch: Iterable[str] = (),
    ) -> None:
        # `dataclasses.replace` gives all targets again, and the tags follow the words.
        others = [target for target in targets if words is None or target.kind != "tags"]
        if label is not None:
            others.insert(0, label)
        tags = words and words.tags
        if words and tags:
            others.insert(0, Target(tags, words.labels, "tags", words.weight))
        columns = [target.column for target in others]
        twice = next((column for column in columns if columns.count(column) > 1), None)
        if twice is not None:
            raise ValueError(f"two targets of the schema have the column '{twice}'")
        values = {
            "words": words,
            "texts": tuple(texts),
            "targets": tuple(others),
            "images": tuple(images),
            "group": group,
            "numbers": tuple(numbers),
            "categories": tuple(categories),
            "extra": dict(extra),
            "each_epoch": tuple(each_epoch),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def label(self) -> Label | None:
        """The first target that is a label; ``None`` where there is none."""
        return next((target for target in self.targets if isinstance(target, Label)), None)

    def with_label(self, label: Label) -> Schema:
        """This schema with another first label."""
        others = [target for target in self.targets if target is not self.label]
        return replace(self, targets=(label, *others))

    @property
    def gold(self) -> tuple[str, ...]:
        """The columns that hold what is to be predicted."""
        return tuple(target.column for target in self.targets)

    def columns(self) -> Iterator[str]:
        """Every column that the schema names, each once, target columns included."""
        words = [self.words.tokens] if self.words else []
        group = [self.group] if self.group else []
        texts = [text.column for text in self.texts]
        named = (words, texts, self.images, self.gold, group, self.numbers, self.categories)
        yield from dict.fromkeys(name for some in named for name in some)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, read back by `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote."""
        words = values["words"]
        targets = [{**target, "names": tuple(target["names"])} for target in values["targets"]]
        return cls(
            **{
                **values,
                "words": Words(**{**words, "labels": tuple(words["labels"])}) if words else None,
                "texts": [Text(**text) for text in values["texts"]],
                "targets": [
                    (Label if target["kind"] in LABELS else Target)(**target) for target in targets
                ],
            }
        )


@dataclass
class TaskData:
    """What `load_data` returns.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``; splits of other
            names (``old``, ``out_of_domain``) are scored as well, and ``pool`` holds examples
            without gold answers, for techniques. Rows are raw examples, before any tokenizer.
        schema: what the columns are.
        files: the source files of each split, in the order that `FILE` indexes.
        notes: what the reader decided for the user, said aloud before training.
        read: of each file of each split, JSON values: ``split``, ``file``, ``layout``, ``columns``
            (the file's name for each of ours), ``rows``, and ``left_out`` (rows by the reason).
    """

    splits: DatasetDict
    schema: Schema
    files: dict[str, list[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    read: list[dict[str, Any]] = field(default_factory=list)

    def scored(self, final: bool) -> list[str]:
        """The splits that are scored with the best model, or else those after each epoch."""
        extra = [split for split in self.splits if split not in (*SPLITS, POOL)]
        if not final:
            extra = [split for split in extra if split in self.schema.each_epoch]
        own = ("validation", "test") if final else ("validation",)
        return [*(split for split in own if split in self.splits), *extra]

    def with_rows(self, split: str, rows: Dataset, files: Sequence[Path] = ()) -> TaskData:
        """This data with more rows behind those of a split, or as a split that is not there yet.

        Args:
            split: its name.
            rows: raw examples; what one of the two lacks of the other's columns is ``None``.
            files: their source files, which their column `FILE` indexes.
        """
        from datasets import DatasetDict, concatenate_datasets

        before = self.splits.get(split)
        known = self.files.get(split, [])
        if before is not None and (known or files):
            of = rows[FILE] if FILE in rows.column_names else [None] * len(rows)
            rest = [name for name in rows.column_names if name != FILE]
            rows = rows.select_columns(rest)
            rows = rows.add_column(FILE, [len(known) + (file or 0) for file in of])
        whole = rows if before is None else concatenate_datasets([before, rows])
        return replace(
            self,
            splits=DatasetDict({**self.splits, split: whole}),
            files={**self.files, split: [*known, *files]},
        )

    def place(self, split: str, row: int) -> str:
        """Where an example comes from, ``file:line`` if that is known, else ``split[row]``.

        Rows beyond those of ``train`` are those of the pool, as the hook `order` counts them.
        """
        data: Dataset = self.splits[split]
        if split == "train" and row >= len(data):
            return self.place(POOL, row - len(data))
        if LINE not in data.column_names or not self.files.get(split):
            return f"{split}[{row}]"
        example = data[row]
        return f"{self.files[split][example.get(FILE) or 0]}:{example[LINE]}"

    def places(self, split: str, rows: Sequence[int], most: int = 8) -> str:
        """Where several examples come from, the first ``most`` of them by name."""
        named = [self.place(split, row) for row in rows[:most]]
        return listed([*named, *rows[most:]], most)
