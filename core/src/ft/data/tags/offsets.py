"""What the offsets of spans count, told by the words that they begin and end at."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ft.data.tags.cutting import split_words

Counting = Literal["characters", "utf-16", "bytes", "inclusive"]

COUNTINGS: tuple[Counting, ...] = ("characters", "utf-16", "bytes", "inclusive")
ENOUGH = 3
"""So many spans must be explained by ends that are inclusive: one or two may be mistakes."""

_SHOWN = 3
_NAMES = {
    "utf-16": "their offsets are read as counting UTF-16 units, as JavaScript does",
    "bytes": "their offsets are read as counting bytes of UTF-8",
    "inclusive": "their ends are read as those of the last character",
}


class Positions:
    """The character at each offset of a text.

    Args:
        text: the text.
        counting: what offsets count.
    """

    def __init__(self, text: str, counting: Counting) -> None:
        self._shift = counting == "inclusive"
        self._places: dict[int, int] | None = None
        plain = text.isascii() or (counting == "utf-16" and max(text, default="") <= "\uffff")
        if counting in ("utf-16", "bytes") and not plain:
            at, self._places = 0, {}
            for i, character in enumerate(text):
                self._places[at] = i
                if counting == "utf-16":
                    at += 2 if character > "\uffff" else 1
                else:
                    at += len(character.encode("utf-8", "surrogatepass"))
            self._places[at] = len(text)

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """The characters of a span, end exclusive; ``None`` if it cuts a character."""
        if self._places is None:
            return start, end + self._shift
        one, other = self._places.get(start), self._places.get(end)
        return None if one is None or other is None else (one, other)


@dataclass
class Offsets:
    """How well each way of counting fits the spans of a file.

    Attributes:
        rule: how texts are cut into words, see `ft.data.tags.cutting`.
        spans: how many there are.
        misfits: by the way of counting, spans that are not whole words.
        inside: spans that begin or end inside a word, counting characters.
        places: the first of these.
    """

    rule: str = "words"
    spans: int = 0
    misfits: Counter[str] = field(default_factory=Counter)
    inside: int = 0
    places: list[str] = field(default_factory=list)

    def see(
        self, text: str, spans: Sequence[tuple[int, int]], quoted: Sequence[str | None], line: int
    ) -> None:
        """Take the spans of a text into account.

        Args:
            text: the text.
            spans: first and last offset of each.
            quoted: the text of each, where the data says it.
            line: where the row begins.
        """
        words = split_words(text, self.rule)
        begins = [begin for begin, _ in words]
        self.spans += len(spans)

        def cut_word(at: int) -> tuple[int, int] | None:
            word = bisect_right(begins, at) - 1
            cut = word >= 0 and words[word][0] < at < words[word][1]
            return words[word] if cut else None

        for counting in COUNTINGS:
            positions = Positions(text, counting)
            for (start, end), quote in zip(spans, quoted, strict=True):
                found = positions.span(start, end)
                whole = found is not None and 0 <= found[0] < found[1] <= len(text)
                if found is None or not whole:
                    self.misfits[counting] += 1
                    continue
                part = text[found[0] : found[1]]
                first, last = cut_word(found[0]), cut_word(found[1])
                cut = bool(first or last)
                wrong = cut or part != part.strip() or (quote is not None and quote != part)
                self.misfits[counting] += wrong
                if counting == "characters" and cut:
                    self.inside += 1
                    if len(self.places) < _SHOWN:
                        whole_words = text[(first or found)[0] : (last or (0, found[1]))[1]]
                        self.places.append(f"{line}: {part!r} in {whole_words!r}")

    def decide(self, given: str, unit: str, owner: str) -> tuple[Counting, list[str]]:
        """What the offsets count, and notes.

        Args:
            given: the setting; ``auto``: characters, unless another way alone fits all spans.
            unit: what the places count, such as ``line``.
            owner: the plugin, for the names of settings.
        """
        counting: Counting = next((one for one in COUNTINGS if one == given), "characters")
        if given == "auto" and self.misfits["characters"]:
            fitting = [one for one in COUNTINGS if not self.misfits[one]]
            if fitting and (fitting[0] != "inclusive" or self.spans >= ENOUGH):
                counting = fitting[0]
        shown = ", ".join(f"{unit} {place}" for place in self.places)
        shown += f" and {self.inside - _SHOWN:,} more" if self.inside > _SHOWN else ""
        how = f"{self.inside:,} spans begin or end inside a word"
        if counting != "characters":
            if not self.inside:
                how = f"{self.misfits['characters']:,} spans do not fit their texts as characters"
            shown = f" ({shown})" if shown else ""
            return counting, [f"{how}{shown}; {_NAMES[counting]}, which fits all {self.spans:,}"]
        if not self.inside:
            return counting, []
        return counting, [
            f"{how}, and the whole word is taken ({shown}); mend their offsets, or choose another "
            f"{owner}.split_words than '{self.rule}'"
        ]
