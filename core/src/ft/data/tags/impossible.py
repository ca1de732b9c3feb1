"""Where tags follow each other impossibly: the file, the line and the word of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ft.contract.errors import DataError, FtError
from ft.contract.schema import LINE
from ft.data.config import WordsConfig
from ft.data.formats.conll import word_lines
from ft.data.rows.bad import SHOWN
from ft.data.rows.entry import Entry, batches
from ft.data.sources import Source
from ft.data.tags.bigrams import Bigram, find_pairs
from ft.data.tags.tags import Scheme, split_tag

if TYPE_CHECKING:
    import pyarrow as pa


class _Place(NamedTuple):
    line: int
    word: int
    text: str
    bigram: Bigram


def impossible_tags(
    parts: Collection[tuple[Source, Entry]],
    wrong: Mapping[Bigram, int],
    scheme: Scheme,
    config: WordsConfig,
    owner: str,
) -> list[FtError]:
    """An error for each of the first places, and one that counts the rest.

    Args:
        parts: the sources and what was read from them.
        wrong: the bigrams that are impossible, with their counts.
        scheme: in which they are.
        config: the settings.
        owner: the plugin, for the names of settings.
    """
    errors: list[FtError] = []
    for source, entry in parts:
        places = list(_places(entry, wrong, SHOWN - len(errors)))
        lines: dict[int, list[int]] = {}
        if places and source.format == "conll" and source.path is not None:
            begins = {place.line for place in places}
            lines = word_lines(source.path, source.name, config, owner, begins)
        for place in places:
            line = lines[place.line][place.word] if lines else place.line
            errors.append(DataError(_what(place, scheme), where=f"{source.name}:{line}"))
    total = sum(wrong.values())
    if total > len(errors):
        errors.append(DataError(f"and {total - len(errors):,} more impossible tags"))
    errors[-1].hint = (
        f"mend the tags; or set {owner}.scheme if they are in another scheme than {scheme}; "
        f"or {owner}.repair_tags = true to read them by conlleval's rule"
    )
    if any(tag is not None and not split_tag(tag)[0] for _, tag in wrong):
        errors[-1].hint = f"mend the tags, or set {owner}.scheme = 'none' if they mark no spans"
    return errors


def _what(place: _Place, scheme: Scheme) -> str:
    before, tag = place.bigram
    word = f"(word {place.word + 1}, {place.text!r})"
    if tag is None:
        return f"the span that {before!r} is in is not closed at the end of the sentence {word}"
    if not split_tag(tag)[0]:
        return f"{tag!r} is no tag of {scheme} {word}"
    if before is None:
        return f"{tag!r} cannot begin a sentence in {scheme} {word}"
    return f"{tag!r} cannot follow {before!r} in {scheme} {word}"


def _places(entry: Entry, wrong: Mapping[Bigram, int], most: int) -> Iterator[_Place]:
    import numpy as np

    for batch in batches(entry):
        if most <= 0:
            return
        pairs = find_pairs(batch)
        codes = [code for code in np.unique(pairs.codes).tolist() if pairs.bigram(code) in wrong]
        if not codes:
            continue
        for at in np.flatnonzero(np.isin(pairs.codes, codes))[:most].tolist():
            row = int(np.searchsorted(pairs.ends, at, side="right"))
            begin = int(pairs.ends[row - 1]) if row else 0
            yield _place(batch, row, at - begin, pairs.bigram(int(pairs.codes[at])))
            most -= 1


def _place(batch: pa.RecordBatch, row: int, word: int, bigram: Bigram) -> _Place:
    names = batch.schema.names
    tokens = batch.column(names.index("tokens"))[row].as_py()
    word = min(word, len(tokens) - 1)  # the edge of the sentence: its last word
    line = batch.column(names.index(LINE))[row].as_py()
    return _Place(line, word, tokens[word], bigram)
