"""CoNLL files: a word a line in columns, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ft.contract.errors import DataError
from ft.contract.schema import LINE
from ft.data.config import WordsConfig
from ft.data.formats.conll_layout import DOCUMENT, Layout, find_layout, from_brackets
from ft.data.formats.encodings import find_encoding
from ft.data.formats.lines import Chunk, chunks

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.data.rows.bad import Sink

SAMPLE = 1000
"""Lines that tell how a file is laid out."""

LONGEST_SENTENCE = 100_000
_BATCH_WORDS, _BATCH_ROWS = 50_000, 1000


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
    blocks, layout = _open(path, name, config, owner)
    builder = _Builder(sink, name, layout.brackets)
    sink.layout = layout.name
    sink.columns = {"tokens": f"column {layout.token}", "tags": f"column {layout.tag}"}
    if layout.note:
        sink.note(layout.note)
    comments = 0
    for row in _rows(blocks, layout):
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
    for row in _rows(*_open(path, name, config, owner)):
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


def _open(path: Path, name: str, config: WordsConfig, owner: str) -> tuple[Iterator[Chunk], Layout]:
    """A file's blocks of lines, and the layout that the first lines tell."""
    blocks = chunks(path, find_encoding(path, config.encoding, owner), owner)
    head: list[Chunk] = []
    while sum(len(chunk.lines) for chunk in head) < SAMPLE and (chunk := next(blocks, None)):
        head.append(chunk)
    sample = list(islice((line for chunk in head for line in chunk.lines), SAMPLE))
    return chain(head, blocks), find_layout(sample, name, config, owner)


def _rows(blocks: Iterator[Chunk], layout: Layout) -> Iterator[_Row]:
    split, width, token = layout.split, layout.width, layout.token
    for chunk in blocks:
        for number, line in enumerate(chunk.lines, chunk.first):
            if not line or line.isspace() or line.startswith(DOCUMENT):
                yield _Row(number, "", None, None)
                continue
            fields = split(line)
            trouble = chunk.bad.get(number - chunk.first) if chunk.bad else None
            if line[0] == "#" and layout.is_comment(line, fields):
                yield _Row(number, line, None, None)
            elif len(fields) != width and not (layout.ragged and len(fields) > width):
                found = f"{len(fields)} column{'' if len(fields) == 1 else 's'}"
                trouble = trouble or f"has {found}, the rows of this file have {width}"
                yield _Row(number, line, ("", ""), trouble)
            elif layout.is_no_word(fields):
                continue
            else:
                word, mark = fields[token], layout.tag_of(fields)
                if not (word and mark):
                    trouble = trouble or ("has no tag" if word else "has no word")
                yield _Row(number, line, (word, mark), trouble)


@dataclass
class _Builder:
    """Sentences on their way into a batch."""

    sink: Sink
    name: str
    brackets: bool = False
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
            if self.brackets:
                begin = self.offsets[-1]
                self.tags[begin:] = from_brackets(self.tags[begin:])
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
