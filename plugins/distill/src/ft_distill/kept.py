"""Answers of a teacher, computed once for each example and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from ft import EXAMPLE_ID, FILE, LINE

Columns = Mapping[str, list[Any]]
CHUNK = 256
"""Neighbouring examples that are answered together."""

Place = tuple[int, tuple[int, int]]


class KeptAnswers:
    """The answers to the examples of a run, those of a pool behind those of the training split.

    A chunk of neighbouring examples is answered when one of them is asked for, always together: an
    answer depends a little on what stands beside it in a pass, and a resumed run must get the same. An
    example that is not what the data holds under its id, because a technique has changed it, is answered
    anew, and not kept.

    Args:
        answer: gives an array (rows, classes) for each of some examples.
        rows: gives raw examples by their ids.
        count: of examples.
        gold: columns that are no part of an example's content.
    """

    def __init__(
        self,
        answer: Callable[[Columns], list[np.ndarray]],
        rows: Callable[[Sequence[int]], Columns],
        count: int,
        gold: Iterable[str],
    ) -> None:
        self._answer = answer
        self._rows = rows
        self._count = count
        self._left_out = {*gold, EXAMPLE_ID, FILE, LINE}
        self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as the run
        self._end = 0
        self._places: dict[int, Place] = {}
        self._digests: dict[int, bytes] = {}

    def of(self, examples: Columns) -> list[np.ndarray]:
        """The answer to each example, (rows, classes).

        Args:
            examples: raw columns with their ids.
        """
        ids = [int(i) for i in examples[EXAMPLE_ID]]
        digests = self._contents(examples)
        for i in ids:
            if i not in self._places:
                self._compute(i // CHUNK)
        found: list[np.ndarray | None] = [
            self._read(self._places[i]) if self._digests[i] == digest else None
            for i, digest in zip(ids, digests, strict=True)
        ]
        changed = [k for k, one in enumerate(found) if one is None]
        if changed:
            some = {name: [values[k] for k in changed] for name, values in examples.items()}
            for k, one in zip(changed, self._answer(self._content(some)), strict=True):
                found[k] = one
        return [one for one in found if one is not None]

    def _compute(self, chunk: int) -> None:
        ids = range(chunk * CHUNK, min((chunk + 1) * CHUNK, self._count))
        rows = self._rows(ids)
        answers = self._answer(self._content(rows))
        for i, digest, one in zip(ids, self._contents(rows), answers, strict=True):
            array = np.ascontiguousarray(one, dtype=np.float32)
            self._file.seek(self._end)
            self._file.write(array.tobytes())
            self._places[i] = (self._end, (array.shape[0], array.shape[1]))
            self._digests[i] = digest
            self._end += array.nbytes

    def _read(self, place: Place) -> np.ndarray:
        begin, shape = place
        self._file.seek(begin)
        data = self._file.read(4 * shape[0] * shape[1])
        return np.frombuffer(data, dtype=np.float32).reshape(shape)

    def _content(self, examples: Columns) -> dict[str, list[Any]]:
        """The columns that a teacher may read."""
        return {name: one for name, one in examples.items() if name not in self._left_out}

    def _contents(self, examples: Columns) -> list[bytes]:
        """A hash of what each example holds, its gold answer left out."""
        columns = self._content(examples)
        names = sorted(columns)
        found = []
        for values in zip(*(columns[name] for name in names), strict=True):
            own = {n: v for n, v in zip(names, values, strict=True) if v is not None}
            text = json.dumps(own, ensure_ascii=False, default=str)
            found.append(
                hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
            )
        return found
