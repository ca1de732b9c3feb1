"""Texts told apart, and read from files without labels."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ft
from ft import DataError
from ft_curate.opened import Opened, Row

TABLES = {".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"}
"""Endings of files that hold requests; any other is read as data of the task."""


def key(text: str) -> bytes:
    """What is the same for texts that differ in case, blanks and the form of letters alone."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).digest()


@dataclass(frozen=True)
class Texts:
    """Texts of a file.

    Attributes:
        rows: as the task reads them.
        texts: of each.
        bad: what is wrong with rows that cannot be read, with their places.
    """

    rows: list[Row]
    texts: list[str]
    bad: list[str]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def only(self, places: Sequence[int]) -> Texts:
        """Some of them."""
        return Texts([self.rows[i] for i in places], [self.texts[i] for i in places], self.bad)


def read_rows(run: Opened, file: Path) -> Texts:
    """The texts of a file, with or without labels.

    Args:
        run: says which columns hold texts.
        file: texts, one a line, JSONL, JSON, CSV, TSV or Parquet, or what the run's task reads, such as
            CoNLL; in tasks of Label Studio the text is below ``data``.

    Raises:
        DataError: the file as a whole cannot be read, or none of its rows has a text.
    """
    rows: list[Row] = []
    texts: list[str] = []
    bad: list[str] = []
    for number, row in enumerate(_requests(run, file), 1):
        if not isinstance(row, str | Mapping):
            bad.append(str(row.error))
            continue
        if isinstance(row, Mapping) and isinstance(row.get("data"), Mapping):
            row = {**row["data"]}
        try:
            text = run.text(row)
        except DataError as error:
            bad.append(f"{file}, text {number}: {error.what}")
            continue
        if not text.strip():
            bad.append(f"{file}, text {number}: is empty")
            continue
        rows.append(row)
        texts.append(text)
    if not rows:
        raise DataError(
            f"holds no text{f': {bad[0]}' if bad else ''}",
            where=str(file),
            hint="give texts, one a line, or .jsonl, .json, .csv, .tsv, .parquet"
            + (", or CoNLL" if run.kind == "words" else ""),
        )
    return Texts(rows, texts, bad)


def _requests(run: Opened, file: Path) -> Any:
    suffix = next((s for s in reversed(file.suffixes) if s.lower() != ".gz"), "").lower()
    if run.kind == "words" and file.is_file() and (suffix not in TABLES or _is_conll(file, suffix)):
        data = run.trained.data(file, split="test")
        words = run.schema.words
        assert words is not None
        return [{words.tokens: tokens} for tokens in data.splits["test"][words.tokens]]
    return ft.read_requests(file)


def _is_conll(file: Path, suffix: str) -> bool:
    """Whether a file of text has a word and its tag a line."""
    if suffix not in (".txt", ".tsv"):
        return False
    with file.open("rb") as stream:
        lines = [line.split() for line, _ in zip(stream, range(200), strict=False)]
    cells = [len(line) for line in lines if line]
    blank = any(not line for line in lines)
    return bool(cells) and blank and min(cells) == max(cells) and cells[0] > 1
