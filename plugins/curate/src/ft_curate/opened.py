"""A finished run whose model is asked: what it answers, how sure it is, what it was trained on."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

import ft
from ft import DataError, Schema, TaskData, Trained, UserError

Kind = Literal["classes", "words", "number", "texts"]
Row = str | Mapping[str, Any]

CHUNK = 1024
"""Rows whose outputs are kept at a time."""


@dataclass
class Opened:
    """A finished run, and its model in memory.

    Attributes:
        folder: of the run.
        trained: its model.
        kind: what it predicts: one or several of given ``classes`` for a text, a tag for each of its
            ``words``, a ``number``; ``texts``: something else, for texts.
        notes: what is said to the user.
    """

    folder: Path
    trained: Trained
    kind: Kind
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: str | Path, *, trust_plugins: bool = False) -> Opened:
        """Load the run in a folder.

        Raises:
            UserError: there is no finished run, or its task reads no texts.
        """
        trained = ft.load(folder, trust_plugins=trust_plugins)
        schema = trained.schema
        if schema.words:
            kind: Kind = "words"
        elif not schema.texts:
            raise UserError(
                "the task of this run reads no texts",
                where=str(folder),
                hint="these commands are for runs over texts, such as those of sentiment and ner",
            )
        elif schema.label is None or len(schema.targets) > 1:
            kind = "texts"
        else:
            kind = "number" if schema.label.kind == "number" else "classes"
        return cls(trained.folder, trained, kind)

    @property
    def schema(self) -> Schema:
        """Of the data that the model was trained on."""
        return self.trained.schema

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes or tags, in the order of the probabilities."""
        return self.trained.labels

    @property
    def multi(self) -> bool:
        """Whether a text may have several classes."""
        return self.schema.label is not None and self.schema.label.kind == "multi"

    @property
    def gold(self) -> str | None:
        """The column of the labels or tags."""
        return next(iter(self.schema.gold), None)

    def need(self, *kinds: Kind, command: str) -> None:
        """Refuse a run that predicts something else.

        Raises:
            UserError: it does; says what the command is for.
        """
        if self.kind in kinds:
            return
        task = ", ".join(row["name"] for row in self.record.get("plugins", ())) or "its plugin"
        what = {
            "number": "a number has no classes that a model could be unsure between",
            "texts": "it predicts several things at once"
            if len(self.schema.targets) > 1
            else "there are no classes, one of which each text or word has",
        }.get(self.kind, "")
        raise UserError(
            f"`ft {command}` cannot be used with what this run predicts ({task}): {what}",
            where=str(self.folder),
            hint="it is for runs that predict classes of texts or tags of words, such as those of "
            "sentiment and ner",
        )

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """What ``record.json`` holds; nothing where it is not there.

        Raises:
            DataError: it cannot be read.
        """
        file = self.folder / "record.json"
        if not file.is_file():
            return {}
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"cannot be read: {error}", where=str(file)) from error
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Our name for each column that the settings call otherwise."""
        try:
            tables = tomllib.loads((self.folder / "config.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        given = [t.get("columns") for t in tables.values() if isinstance(t, Mapping)]
        pairs = [pair for one in given if isinstance(one, Mapping) for pair in one.items()]
        return {theirs: ours for ours, theirs in pairs if isinstance(theirs, str)}

    def text(self, row: Row) -> str:
        """The text of an example or a request: its words or texts, a blank between them.

        Raises:
            DataError: it has none.
        """
        if isinstance(row, str):
            return row
        row = {self.names.get(name, name): value for name, value in row.items()} | dict(row)
        words = self.schema.words
        if words is not None:
            if isinstance(row.get("text"), str):
                return str(row["text"])
            given = row.get(words.tokens)
            if isinstance(given, str):
                return given
            if isinstance(given, Sequence) and all(isinstance(one, str) for one in given):
                return " ".join(given)
        found = [row.get(text.column) for text in self.schema.texts]
        if not found or not all(isinstance(one, str) for one in found):
            wanted = [words.tokens, "text"] if words else [t.column for t in self.schema.texts]
            raise DataError(
                f"a text lacks {' or '.join(map(repr, wanted))}",
                hint=f"its columns are {', '.join(map(repr, row)) or 'none'}",
            )
        return " ".join(map(str, found))

    def probabilities(self, rows: Sequence[Row]) -> Iterator[np.ndarray]:
        """How likely the model takes each class for each row, in their order.

        Yields:
            (classes,) for a text; (words, tags) for words; (1,), the number itself, for a number.

        Raises:
            UserError: the task gives no such scores.
            DataError: a row is none that the task reads.
        """
        wide = 1 if self.kind == "number" else len(self.labels)
        for begin in range(0, len(rows), CHUNK):
            for output in self.trained.outputs(rows[begin : begin + CHUNK]):
                logits = output.get("logits")
                if self.kind == "words" and logits is None:
                    logits = np.zeros((0, wide))  # a text without words
                if not isinstance(logits, np.ndarray) or logits.shape[-1:] != (wide,):
                    raise UserError(
                        f"the model gives no scores for its {wide:,} classes",
                        where=str(self.folder),
                        hint="its task must have outputs 'logits' in the order of the labels",
                    )
                yield self._shares(logits.astype(np.float64))

    def _shares(self, logits: np.ndarray) -> np.ndarray:
        if self.kind != "words":
            logits = logits.reshape(-1, logits.shape[-1]).mean(0)
        if self.kind == "number":
            return logits
        if self.multi:
            return np.asarray(np.exp(-np.logaddexp(0, -logits)))
        shifted = np.exp(logits - logits.max(-1, keepdims=True, initial=-np.inf))
        return np.asarray(shifted / shifted.sum(-1, keepdims=True))

    def training(self) -> TaskData | None:
        """The run's own data, if it is still there as it was; else says why not.

        Its splits are compared with the fingerprints in the record, so that nothing is taken for
        training data that is not.
        """
        known = {
            split: row["fingerprint"] for split, row in (self.record.get("data") or {}).items()
        }
        try:
            data = self.trained.data()
        except ft.FtError as error:
            self.notes.append(f"the run's training data cannot be read again: {error.what}")
            return None
        if ft.content_hash(data.splits["train"]) != known.get("train"):
            self.notes.append("the run's training data is no longer what it was trained on")
            return None
        return data

    def kept(self, split: str) -> list[dict[str, Any]]:
        """The examples of a scored split that the run's folder keeps; none where it keeps none.

        Raises:
            DataError: the file cannot be read.
        """
        file = self.folder / "predictions" / f"{split}.examples.jsonl"
        if not file.is_file():
            return []
        try:
            return [json.loads(line) for line in file.read_bytes().splitlines()]
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read: {error}", where=str(file)) from error
