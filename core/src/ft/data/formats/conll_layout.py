"""How a CoNLL file is laid out: its columns, told by what stands in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ft.contract.errors import ConfigError, DataError
from ft.data.config import WordsConfig
from ft.data.tags.tags import split_tag

Split = Callable[[str], list[str]]

DOCUMENT = "-DOCSTART-"
_SPACES = re.compile(r"[ \t]+")
_TAG = re.compile(r"[Oo]|[BIESLUMWbieslumw]([-_:.].+)?|[^\W\d_].*[-_][BIESLUMW]")
_BRACKET = re.compile(r"\*\)?|\([^()*\s]+(\*?\)|\*)")
_NUMBER = re.compile(r"-?\d+([.,]\d+)?")
_WHOLE = re.compile(r"\d+")
_NOTHING = ("_", "-", "*", "")
_MISC = re.compile(r"(?:^|\|)(?:NER|NE|Entity)=([^|]+)")
_PART_OF_WORD = re.compile(r"\d+[-.]\d+")
_MOST = 0.95
_ENOUGH = 10


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
        name: of the format, where it has one.
        note: what was decided.
        brackets: whether tags are written as ``(PER*``, ``*)``.
        misc: whether the tag is the part ``NER=`` of its column.
        ragged: whether rows may have more columns.
    """

    split: Split
    width: int
    token: int
    tag: int
    tabs: bool
    tags: frozenset[str] = frozenset()
    name: str = "CoNLL"
    note: str = ""
    brackets: bool = False
    misc: bool = False
    ragged: bool = False

    def is_comment(self, line: str, fields: list[str]) -> bool:
        """Whether a line that begins with ``#`` is a comment and not the word ``#`` or ``#tag``."""
        spaced = len(line) == 1 or line[1] in " \t"
        if len(fields) == self.width:
            tag = fields[self.tag].strip()
            if tag in self.tags or tag == "#" or split_tag(tag)[0]:
                return False
            return spaced if not self.tabs else line.startswith("# ")
        return spaced or line.startswith(("#begin document", "#end document"))

    def is_no_word(self, fields: list[str]) -> bool:
        """Whether a row of CoNLL-U is a range of words, ``1-2``, or an empty node, ``1.1``."""
        return self.name == "CoNLL-U" and bool(_PART_OF_WORD.fullmatch(fields[0]))

    def tag_of(self, fields: list[str]) -> str:
        """The tag of a row."""
        if not self.misc:
            return fields[self.tag]
        found = _MISC.search(fields[self.tag])
        return found[1] if found else "O"


def find_layout(sample: list[str], name: str, config: WordsConfig, owner: str) -> Layout:
    """The layout that the settings and a file's first lines tell.

    Raises:
        DataError: the lines are no columns of words and tags.
        ConfigError: a setting names a column that is not there.
    """
    data = [line for line in sample if line.strip() and not line.startswith(DOCUMENT)]
    plain = [line for line in data if line[0] != "#"]
    delimiter = config.delimiter
    if delimiter is None and 2 * sum("\t" in line for line in plain) > len(plain):
        delimiter = "\t"
    spaces = delimiter is None or (delimiter.isspace() and delimiter != "\t")
    split: Split = _split_spaces if spaces else _splitter(str(delimiter))
    rows = [split(line) for line in plain]
    widths = Counter(map(len, rows))
    width = widths.most_common(1)[0][0] if rows else 2
    ontonotes = any(line.startswith("#begin document") for line in sample) and min(widths) >= 11
    if ontonotes:
        width = min(widths)
    if width < 2:
        raise DataError(
            "the lines have one column; a CoNLL file has a word and a tag in each",
            where=name,
            hint=f"see {owner}.delimiter, or give it an ending that tells its format (.csv, .jsonl)",
        )
    columns = list(zip(*(row for row in rows if len(row) == width or ontonotes), strict=False))
    universal = width == 10 and not spaces and _all(columns, 0, r"\d+([-.]\d+)?")
    if ontonotes:
        token, tag = 3, 10
    elif universal:
        token, tag = 1, _tag_column(columns, width - 1, 3)
    else:
        tag = _tag_column(columns, width - 1, None)
        kept = [
            number
            for number, row in zip(_sentences(sample), rows, strict=True)
            if len(row) == width
        ]
        token = _token_column(columns, tag, kept)
    chosen = (token, tag)
    if config.token_column is not None:
        token = _given(config.token_column, width, name, f"{owner}.token_column")
    if config.tag_column is not None:
        tag = _given(config.tag_column, width, name, f"{owner}.tag_column")
        if config.token_column is None and token == tag and tag:
            token = 0
    if token == tag:
        raise ConfigError(
            f"the words and the tags cannot both be column {tag}",
            where=f"{owner}.tag_column",
            hint=f"{name} has {width} columns, counted from 0",
        )
    cells = columns[tag] if columns else ()
    misc = universal and tag == 9 and any(map(_MISC.search, cells))
    note = ""
    if (token, tag) == chosen != (0, width - 1):
        note = (
            f"of the columns 0 to {width - 1}, {token} is read as the words and {tag} as the tags"
        )
    layout = Layout(
        split,
        width,
        token,
        tag,
        not spaces,
        frozenset(cells),
        "CoNLL-2012" if ontonotes else "CoNLL-U" if universal else "CoNLL",
        note,
        _share(cells, _BRACKET) >= _MOST,
        misc,
        ontonotes,
    )
    if columns:
        _refuse_others(columns, layout, name, config, owner)
    return layout


def _tag_column(columns: list[tuple[str, ...]], last: int, parts_of_speech: int | None) -> int:
    """The last column of tags with prefixes; else of parts of speech; else of what is no number."""
    order = range(last, 0, -1)
    for column in order if columns else ():
        cells = columns[column]
        tags = _share(cells, _TAG) >= _MOST and any(len(cell) > 1 or cell in "BO" for cell in cells)
        if tags or _share(cells, _BRACKET) >= _MOST:
            return column
        if parts_of_speech is not None and any(map(_MISC.search, cells)):
            return column
    if parts_of_speech is not None:
        return parts_of_speech
    for column in order if columns else ():
        if not _is_filler(columns[column]):
            return column
    return last


def _token_column(columns: list[tuple[str, ...]], tag: int, sentences: list[int]) -> int:
    """The first column that is neither the words' numbers nor empty nor the document's name."""
    found = [one for one in range(min(tag, len(columns))) if not _is_filler(columns[one])]
    words = [one for one in found if not _names_sentences(columns[one], sentences)]
    return next(iter([*words, *found]), 0)


def _names_sentences(cells: tuple[str, ...], sentences: list[int]) -> bool:
    """Whether a column has the same value in all lines of each sentence."""
    rows = list(zip(sentences, cells, strict=True))
    inside = [one == other for one, other in pairwise(rows) if one[0] == other[0]]
    return len(inside) >= _ENOUGH and all(inside)


def _sentences(sample: list[str]) -> list[int]:
    """The number of the sentence of each line that is neither empty nor a comment."""
    found, number = [], 0
    for line in sample:
        if not line.strip():
            number += 1
        elif not line.startswith(("#", DOCUMENT)):
            found.append(number)
    return found


def _is_filler(cells: tuple[str, ...]) -> bool:
    return all(cell in _NOTHING or _NUMBER.fullmatch(cell) for cell in cells)


def _share(cells: tuple[str, ...], pattern: re.Pattern[str]) -> float:
    return sum(bool(pattern.fullmatch(cell)) for cell in cells) / max(1, len(cells))


def _all(columns: list[tuple[str, ...]], column: int, pattern: str) -> bool:
    return bool(columns) and _share(columns[column], re.compile(pattern)) == 1


def _refuse_others(
    columns: list[tuple[str, ...]], layout: Layout, name: str, config: WordsConfig, owner: str
) -> None:
    """Refuse words that are numbers, and tags that are words of a running text."""
    words, tags = columns[layout.token], columns[layout.tag]
    if config.token_column is None and len(words) >= _ENOUGH and all(map(_WHOLE.fullmatch, words)):
        raise DataError(
            f"the words are numbers, such as {', '.join(words[:3])}",
            where=name,
            hint=f"set {owner}.token_column to the column of the words, counted from 0",
        )
    told = config.tag_column is not None or config.scheme != "auto"
    if told or layout.misc or layout.brackets or _share(tags, _TAG) > 0:
        return
    if 2 * len(set(tags)) > len(tags) and any(tag[1:] != tag[1:].upper() for tag in tags):
        raise DataError(
            f"the last words of the lines are no tags, such as {', '.join(map(repr, tags[:3]))}: "
            "this is a text, or its tags are in another column",
            where=name,
            hint=f"a CoNLL file has a word and its tag in each line; see {owner}.tag_column",
        )


def _given(column: int, width: int, name: str, key: str) -> int:
    if not -width <= column < width:
        raise ConfigError(
            f"there is no column {column}: {name} has {width}, 0 to {width - 1}", where=key
        )
    return column % width


def from_brackets(tags: list[str]) -> list[str]:
    """Tags as ``(PER*``, ``*``, ``*)`` and ``(PER)`` in BIO2; others as they are."""
    found, inside = [], ""
    for tag in tags:
        if not _BRACKET.fullmatch(tag):
            found.append(tag)
        elif tag.startswith("("):
            kind = tag.strip("(*)")
            found.append(f"B-{kind}")
            inside = "" if tag.endswith(")") else kind
        else:
            found.append(f"I-{inside}" if inside else "O")
            inside = "" if tag.endswith(")") else inside
    return found


def _split_spaces(line: str) -> list[str]:
    """Between spaces and tabs alone: a word may hold other white space, such as U+00A0."""
    return _SPACES.split(line.strip(" \t\r"))


def _splitter(delimiter: str) -> Split:
    def split(line: str) -> list[str]:
        return [field.strip(" \r") for field in line.split(delimiter)]

    return split
