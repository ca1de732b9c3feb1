"""The run that answers: topic and feeling of a text, and how often it is mistaken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ft
from ft import Target, Trained, UserError, did_you_mean
from ft_monitor.quantify import Confusion

BAD = ("negative", "neg", "bad", "bearish", "-1")
GOOD = ("positive", "pos", "good", "great", "bullish", "1")


@dataclass(frozen=True)
class Answered:
    """What the model says of a text.

    Attributes:
        feeling: id of it.
        topics: none where the run gives none.
    """

    feeling: int
    topics: tuple[str, ...]


class Model:
    """A run that gives a feeling, and perhaps a topic.

    Attributes:
        version: tells it apart from any other run.
        names: of the feelings.
        negative: ids of the bad ones.
        positive: ids of the good ones.
        confusion: of the feelings on the run's test split.
        notes: what is said to the user.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        feeling: str | None = None,
        topic: str | None = None,
        negative: Sequence[str] = (),
        positive: Sequence[str] = (),
        trust_plugins: bool = False,
    ) -> None:
        self._trained: Trained = ft.load(folder, trust_plugins=trust_plugins)
        self.folder = self._trained.folder
        self.notes: list[str] = []
        labels = [t for t in self._trained.schema.targets if t.kind in ("single", "ordinal")]
        many = [t for t in self._trained.schema.targets if t.kind == "multi"]
        if not labels:
            raise UserError(
                "this run gives no text one of several classes, so that there is no feeling to watch",
                where=str(folder),
                hint="train `sentiment`, or `multitask` with a topic and a feeling",
            )
        self._feeling = _chosen(labels, feeling, "--feeling", negative)
        rest = [one for one in (*labels, *many) if one is not self._feeling]
        self._topic = None
        if topic is not None or len(rest) == 1:
            self._topic = _chosen(rest, topic, "--topic", ())
        self.names = self._feeling.names
        self.negative = _ids(self.names, negative, BAD, "--negative")
        if not self.negative:
            raise UserError(
                f"which of the feelings are bad? They are {ft.listed(self.names)}",
                where="--negative",
                hint="name them: --negative NAME, repeated for several",
            )
        self.positive = _ids(self.names, positive, GOOD, "--positive")
        self.confusion = Confusion(self.names, self._tested())
        if not self.confusion.known:
            self.notes.append(
                "the run's folder keeps no test split with every feeling: the index is of the model's "
                "answers as they are, mistakes included"
            )
        self.version = ft.file_hash(self.folder / "task.json")[:12]

    def answer(self, texts: Sequence[str]) -> list[Answered | None]:
        """What the model says of each text; ``None`` where it has no answer."""
        found: list[Answered | None] = []
        for answer in self._trained.answer(list(texts)):
            name = ft.predicted(self._feeling, answer.prediction)
            if name not in self.names:
                found.append(None)
                continue
            topic = self._topic and ft.predicted(self._topic, answer.prediction)
            topics = [topic] if isinstance(topic, str) else topic or []
            found.append(Answered(self.names.index(name), tuple(map(str, topics))))
        return found

    def _tested(self) -> np.ndarray:
        """(truth, answer) counts of the test split, or else of validation."""
        counts = np.zeros((len(self.names), len(self.names)))
        folder = self.folder / "predictions"
        for split in ("test", "validation"):
            files = folder / f"{split}.examples.jsonl", folder / f"{split}.jsonl"
            if not all(file.is_file() for file in files):
                continue
            rows, items = ([json.loads(x) for x in f.read_bytes().splitlines()] for f in files)
            for row, item in zip(rows, items, strict=True):
                truth: Any = row.get(self._feeling.column)
                answer = ft.predicted(self._feeling, item)
                if truth in self.names and answer in self.names:
                    counts[self.names.index(truth), self.names.index(answer)] += 1
            if (counts.sum(1) > 0).all():
                return counts
        return counts


def _chosen(
    targets: Sequence[Target], name: str | None, option: str, negative: Sequence[str]
) -> Target:
    """The target that a user names by its column or its task, else the only one that will do."""
    columns = [target.column for target in targets]
    tasks = [column.partition(".")[0] for column in columns]
    if name is not None:
        for target in targets:
            if name in (target.column, target.column.partition(".")[0]):
                return target
        raise UserError(
            f"there is no target '{name}'",
            where=option,
            hint=did_you_mean(name, [*tasks, *columns])
            or f"the run has {', '.join(columns) or 'none'}",
        )
    if len(targets) == 1:
        return targets[0]
    known = {one.casefold() for one in (*negative, *BAD)}
    fitting = [t for t in targets if known & {one.casefold() for one in t.names}]
    if len(fitting) == 1:
        return fitting[0]
    raise UserError(
        f"the run predicts {', '.join(columns)}: which is it?", where=option, hint="name one"
    )


def _ids(
    names: Sequence[str], given: Sequence[str], usual: Sequence[str], option: str
) -> list[int]:
    for one in given:
        if one not in names:
            raise UserError(
                f"there is no feeling '{one}'",
                where=option,
                hint=did_you_mean(one, names) or f"they are {ft.listed(names)}",
            )
    wanted = set(given) or {name for name in names if name.casefold() in usual}
    return [k for k, name in enumerate(names) if name in wanted]
