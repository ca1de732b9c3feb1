"""Texts and words: empty ones, invisible ones, those that a wrong encoding has damaged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ft.contract.schema import TaskData
from ft.data.lint.finding import PLACES, Finding, Severity, places

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ZERO_WIDTH = r"\x{00ad}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{feff}"
_SPACE = r"\s\x{0085}\x{00a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_INVISIBLE = f"^[{_SPACE}{_ZERO_WIDTH}]*$"
_HELD = r"[\x{00ad}\x{200b}\x{2060}\x{feff}]"
_CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_DAMAGED = r"\x{fffd}|Ã[\x{0080}-\x{00bf}" + _CP1252 + r"]|Â[\x{00a0}-\x{00bf}]|â€|ï»¿|ðŸ|ã€"
"""U+FFFD, or UTF-8 that was read as Latin-1 or cp1252: é becomes Ã©."""

_MESSAGES: dict[str, tuple[Severity, str]] = {
    "empty-text": ("warning", "examples with an empty or invisible text in {column!r}: {count}"),
    "empty-sentence": ("warning", "examples without a word: {count}"),
    "invisible-word": (
        "warning",
        "words of white space or zero-width characters alone: {count}",
    ),
    "zero-width": ("info", "words with zero-width characters, which no reader sees: {count}"),
    "encoding-damage": (
        "warning",
        "what looks damaged by a wrong encoding in {column!r} (U+FFFD, or pairs such as 'Ã©'): {count}",
    ),
}


class Strings:
    """Matches every text and every word."""

    def __init__(self, data: TaskData) -> None:
        self._data = data
        self._counts: Counter[tuple[str, str]] = Counter()
        self._rows: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)

    def see(self, split: str, first: int, table: pa.Table) -> None:
        """Match the rows."""
        import numpy as np
        import pyarrow.compute as pc

        schema, names = self._data.schema, table.column_names
        for column in [text.column for text in schema.texts if text.column in names]:
            texts = table.column(column).combine_chunks()
            rows = first + np.arange(len(texts))
            self._match("empty-text", column, texts, _INVISIBLE, split, rows)
            self._match("encoding-damage", column, texts, _DAMAGED, split, rows)
        if schema.words and schema.words.tokens in names:
            column = schema.words.tokens
            sentences = table.column(column).combine_chunks()
            empty = np.flatnonzero(pc.list_value_length(sentences).to_numpy() == 0)
            self._add("empty-sentence", column, split, first + empty)
            words = sentences.flatten()
            rows = first + pc.list_parent_indices(sentences).to_numpy()
            hidden = self._match("invisible-word", column, words, _INVISIBLE, split, rows)
            self._match("zero-width", column, words, _HELD, split, rows, hidden)
            self._match("encoding-damage", column, words, _DAMAGED, split, rows)

    def _match(
        self,
        code: str,
        column: str,
        texts: Any,
        pattern: str,
        split: str,
        rows: np.ndarray,
        but: np.ndarray | None = None,
    ) -> np.ndarray:
        import pyarrow.compute as pc

        found = pc.match_substring_regex(texts, pattern)
        mask: np.ndarray = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
        self._add(code, column, split, rows[mask if but is None else mask & ~but])
        return mask

    def _add(self, code: str, column: str, split: str, rows: np.ndarray) -> None:
        self._counts[code, column] += len(rows)
        known = self._rows[code, column]
        known.extend((split, int(row)) for row in rows[: PLACES - len(known)])

    def findings(self) -> Iterator[Finding]:
        """What matched."""
        for (code, column), count in self._counts.items():
            if count:
                severity, message = _MESSAGES[code]
                yield Finding(
                    severity,
                    code,
                    message.format(count=f"{count:,}", column=column),
                    places(self._data, self._rows[code, column]),
                    count,
                )
