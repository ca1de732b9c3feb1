"""The answers that are known, with their ids and their questions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from ft import DataError, write_whole

FILE, VECTORS = "answers.jsonl", "answers.safetensors"

OVERLAY = "answers"
"""Folder in the run's with its answers, where any were added or taken away since the training."""


@dataclass(frozen=True)
class Known:
    """One answer.

    Attributes:
        id: its name.
        text: of the answer.
        asked: how many questions it trained with.
        questions: texts of them that a new question is compared with.
    """

    id: str
    text: str
    asked: int = 0
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """All answers, in the order in which they are numbered from 0.

    Attributes:
        answers: each with its own id.
        vectors: (entries, width) float32 of the saved model, of the `entries` in their order;
            ``None`` where they are not computed yet.
    """

    answers: tuple[Known, ...]
    vectors: np.ndarray | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.answers)

    @cached_property
    def number(self) -> Mapping[str, int]:
        """The number of each answer by its id."""
        return {one.id: k for k, one in enumerate(self.answers)}

    @cached_property
    def by_text(self) -> Mapping[str, int]:
        """The number of each answer by its text; the first of several."""
        return {one.text: k for k, one in reversed(list(enumerate(self.answers)))}

    def entries(self, match: str) -> list[list[tuple[bool, str]]]:
        """What stands for each answer: whether it is a question, and the text.

        An answer without questions is compared by its own text whatever ``match`` says.
        """
        found = []
        for one in self.answers:
            questions = one.questions if match != "answers" else ()
            own = [(False, one.text)] if match != "questions" or not questions else []
            found.append([*own, *((True, text) for text in questions)])
        return found

    def changed(self, add: Iterable[Known] = (), remove: Collection[str] = ()) -> Catalogue:
        """These answers with others, and without some; nothing is trained.

        Raises:
            DataError: an id to be removed is not there, one to be added is, or none is left.
        """
        missing = [one for one in remove if one not in self.number]
        if missing:
            raise DataError(f"there is no answer with the id {missing[0]!r}")
        kept = [one for one in self.answers if one.id not in set(remove)]
        ids = {one.id for one in kept}
        for one in add:
            if one.id in ids:
                raise DataError(
                    f"there is an answer with the id {one.id!r} already",
                    hint=f"remove it first: --remove {one.id}",
                )
            ids.add(one.id)
            kept.append(one)
        if not kept:
            raise DataError("no answer would be left")
        return Catalogue(tuple(kept))

    def write(self, folder: Path, vectors: np.ndarray | None = None) -> None:
        """Write the answers into a folder, and their vectors where they are given."""
        lines = (
            json.dumps(
                {"id": one.id, "answer": one.text, "asked": one.asked, "questions": one.questions},
                ensure_ascii=False,
            )
            + "\n"
            for one in self.answers
        )
        if vectors is not None:
            write_whole(folder / VECTORS, save({"vectors": np.ascontiguousarray(vectors)}))
        write_whole(folder / FILE, lines)

    @classmethod
    def read(cls, folder: Path) -> Catalogue:
        """What `write` wrote.

        Raises:
            DataError: the file is missing, or is nothing that `write` writes.
        """
        path = folder / FILE
        try:
            rows = [
                json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line
            ]
            answers = tuple(
                Known(row["id"], row["answer"], row["asked"], tuple(row["questions"]))
                for row in rows
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the answers cannot be read ({type(error).__name__}: {error})", where=str(path)
            ) from error
        saved = folder / VECTORS
        return cls(answers, load_file(saved)["vectors"] if saved.exists() else None)


def make_catalogue(
    given: Sequence[tuple[str, str]],
    asked: Mapping[str, Sequence[str]],
    keep_questions: bool,
) -> Catalogue:
    """The answers of a run.

    Args:
        given: id and text of each.
        asked: the training questions of each, by its id.
        keep_questions: whether the texts of the questions are kept.
    """
    found = []
    for name, text in given:
        questions = asked.get(name, ())
        kept = tuple(dict.fromkeys(questions)) if keep_questions else ()
        found.append(Known(name, text, len(questions), kept))
    return Catalogue(tuple(found))
