"""CoNLL files: a word a line in columns, a blank line after each sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ft.contract.errors import ConfigError, DataError
from ft.contract.schema import LINE
from ft.data.config import WordsConfig
from ft.data.formats.lines import Chunk, chunks
from ft.data.tags.tags import split_tag

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.data.rows.bad import Sink

Split = Callable[[str], list[str]]

SAMPLE = 1000
"""Lines that tell how a file is laid out."""

LONGEST_SENTENCE = 100_000
_BATCH_WORDS, _BATCH_ROWS = 50_000, 1000
_DOCUMENT = "-DOCSTART-"
_SPACES = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Layout:
    """How one file is laid out.

    Attributes:
        split: takes a line apart.
        width: columns of a row.
        token: column of the word, counted from 0.
        tag: column of the tag, counted from 0.
        tabs: whether a character, and not any space, stands between the columns.
        tags: tags seen in the first lines.
    """

    split: Split
    width: int
    token: int
    tag: int
    tabs: bool
    tags: frozenset[str]

    def is_comment(self, line: str, fields: list[str]) -> bool:
        """Whether a line that begins with ``#`` is a comment and not the word ``#`` or ``#tag``."""
        spaced = len(line) == 1 or line[1] in " \t"
        if len(fields) == self.width:
            tag = fields[self.tag].strip()
            if tag in self.tags or tag == "#" or split_tag(tag)[0]:
                return False
            return spaced if not self.tabs else line.startswith("# ")
        return spaced or line.startswith(("#begin document", "#end document"))


def read_conll(
    path: Path, name: str, config: WordsConfig, owner: str, sink: Sink
) -> Iterator[pa.RecordBatch]:
    """Sentences as batches of ``tokens``, ``tags`` and `LINE`, the line of the first word.

    Blank lines (also those of spaces alone) and ``-DOCSTART-`` lines end a sentence. A line that
    begins with ``#`` is a comment where it has no tag. A sentence with a malformed line is set
    aside whole.

    Raises:
        DataError: the file is not in columns, or has no end of sentence.
        ConfigError: it has fewer columns than the settings say.
    """
    builder = _Builder(sink, name)
    comments = 0
    for row in _rows(path, name, config, owner):
        if row.fields:
            builder.add(row)
        elif row.line:
            comments += 1
        else:
            builder.end()
            if builder.full:
                yield builder.batch()
    builder.end()
    if comments:
        sink.note(f"{comments:,} comment lines are left out")
    yield builder.batch()


def word_lines(
    path: Path, name: str, config: WordsConfig, owner: str, sentences: Collection[int]
) -> dict[int, list[int]]:
    """The lines of the words of the sentences that begin in the lines ``sentences``.

    They are asked for only to report an error: comments may stand between the words.
    """
    found: dict[int, list[int]] = {}
    begin = 0
    for row in _rows(path, name, config, owner):
        if row.fields:
            begin = begin or row.number
            if begin in sentences:
                found.setdefault(begin, []).append(row.number)
        elif not row.line:
            begin = 0
    return found


class _Row(NamedTuple):
    """A line: a word where it has fields, a comment where it has a line alone, else an end."""

    number: int
    line: str
    fields: tuple[str, str] | None
    trouble: str | None


def _rows(path: Path, name: str, config: WordsConfig, owner: str) -> Iterator[_Row]:
    blocks = chunks(path, config.encoding, owner)
    head: list[Chunk] = []
    while sum(len(chunk.lines) for chunk in head) < SAMPLE and (chunk := next(blocks, None)):
        head.append(chunk)
    sample = list(islice((line for chunk in head for line in chunk.lines), SAMPLE))
    layout = _layout(sample, name, config, owner)
    split, width, token, tag = layout.split, layout.width, layout.token, layout.tag
    for chunk in chain(head, blocks):
        for number, line in enumerate(chunk.lines, chunk.first):
            if not line or line.isspace() or line.startswith(_DOCUMENT):
                yield _Row(number, "", None, None)
                continue
            fields = split(line)
            trouble = chunk.bad.get(number - chunk.first) if chunk.bad else None
            if line[0] == "#" and layout.is_comment(line, fields):
                yield _Row(number, line, None, None)
            elif len(fields) != width:
                found = f"{len(fields)} column{'' if len(fields) == 1 else 's'}"
                trouble = trouble or f"has {found}, the rows of this file have {width}"
                yield _Row(number, line, ("", ""), trouble)
            else:
                word, mark = fields[token], fields[tag]
                if not (word and mark):
                    trouble = trouble or ("has no tag" if word else "has no word")
                yield _Row(number, line, (word, mark), trouble)


@dataclass
class _Builder:
    """Sentences on their way into a batch."""

    sink: Sink
    name: str
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])
    lines: list[int] = field(default_factory=list)
    begin: int = 0
    trouble: list[tuple[int, str]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.tokens) >= _BATCH_WORDS or len(self.lines) >= _BATCH_ROWS

    def add(self, row: _Row) -> None:
        """One line of the sentence."""
        if not self.raw:
            self.begin = row.number
        self.raw.append(row.line)
        if row.trouble:
            self.trouble.append((row.number, row.trouble))
        elif row.fields:
            self.tokens.append(row.fields[0])
            self.tags.append(row.fields[1])
        if len(self.raw) > LONGEST_SENTENCE:
            raise DataError(
                f"a sentence of more than {LONGEST_SENTENCE:,} words begins here",
                where=f"{self.name}:{self.begin}",
                hint="a blank line must end each sentence",
            )

    def end(self) -> None:
        """The sentence is over."""
        if not self.raw:
            return
        if self.trouble:
            del self.tokens[self.offsets[-1] :], self.tags[self.offsets[-1] :]
            line, reason = self.trouble[0]
            more = len(self.trouble) - 1
            reason += f" (and {more} more lines of this sentence)" if more else ""
            self.sink.reject(line, reason, "\n".join(self.raw))
            self.trouble.clear()
        else:
            self.offsets.append(len(self.tokens))
            self.lines.append(self.begin)
        self.raw.clear()

    def batch(self) -> pa.RecordBatch:
        """What has been gathered."""
        import pyarrow as pa

        columns = [
            pa.ListArray.from_arrays(
                pa.array(self.offsets, pa.int32()), pa.array(values, pa.string())
            )
            for values in (self.tokens, self.tags)
        ]
        lines = pa.array(self.lines, pa.int64())
        batch = pa.RecordBatch.from_arrays([*columns, lines], ["tokens", "tags", LINE])
        self.tokens, self.tags, self.offsets, self.lines = [], [], [0], []
        return batch


def _layout(sample: list[str], name: str, config: WordsConfig, owner: str) -> Layout:
    data = [line for line in sample if line.strip() and not line.startswith(_DOCUMENT)]
    plain = [line for line in data if line[0] != "#"]
    delimiter = config.delimiter
    if delimiter is None and 2 * sum("\t" in line for line in plain) > len(plain):
        delimiter = "\t"
    spaces = delimiter is None or (delimiter.isspace() and delimiter != "\t")
    split: Split = _split_spaces if spaces else _splitter(str(delimiter))
    rows = [split(line) for line in plain]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 2
    if width < 2:
        raise DataError(
            "the lines have one column; a CoNLL file has a word and a tag in each",
            where=name,
            hint=f"see {owner}.delimiter, or give it an ending that tells its format (.csv, .jsonl)",
        )
    token = _column(config.token_column, 0, width, name, f"{owner}.token_column")
    tag = _column(config.tag_column, -1, width, name, f"{owner}.tag_column")
    if token == tag:
        raise ConfigError(
            f"the words and the tags cannot both be column {tag}",
            where=f"{owner}.tag_column",
            hint=f"{name} has {width} columns, counted from 0",
        )
    tags = frozenset(row[tag] for row in rows if len(row) == width)
    return Layout(split, width, token, tag, not spaces, tags)


def _column(given: int | None, default: int, width: int, name: str, key: str) -> int:
    column = default if given is None else given
    if not -width <= column < width:
        raise ConfigError(
            f"there is no column {column}: {name} has {width}, 0 to {width - 1}", where=key
        )
    return column % width


def _split_spaces(line: str) -> list[str]:
    """Between spaces and tabs alone: a word may hold other white space, such as U+00A0."""
    return _SPACES.split(line.strip(" \t\r"))


def _splitter(delimiter: str) -> Split:
    def split(line: str) -> list[str]:
        return [field.strip(" \r") for field in line.split(delimiter)]

    return split
