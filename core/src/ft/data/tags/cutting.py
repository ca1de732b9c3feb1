"""How running text is cut into words: a few plain rules, and which of them fits a data set.

| rule             | a word is                                                                      |
|------------------|--------------------------------------------------------------------------------|
| `words`          | a run of letters, digits and ``_``; or one character of punctuation            |
| `treebank`       | as `inner`, and English endings apart: ``do n't``, ``Ann 's``                  |
| `inner`          | what stands between blanks, without the punctuation at its ends: ``a-b``, ``5,000``, ``@ann``, ``U.S.``, ``https://a.b/c`` are one word, ``(Ulm),`` is four |
| `letters-digits` | as `words`, with letters, digits and ``_`` apart: ``5 km``                     |
| `characters`     | one character with its marks                                                   |
| `whitespace`     | what stands between blanks                                                     |

In every rule but `whitespace`, characters of scripts that are written without blanks (Chinese,
Japanese, Thai, Lao, Khmer, Burmese) are words of their own. Every visible character is in a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

Rule = Literal["words", "treebank", "inner", "letters-digits", "characters", "whitespace"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""In the order of preference where several fit a data set as well."""

Span = tuple[int, int]

_ALONE = (
    r"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\uff66-\uff9d"  # Japanese syllables
    r"\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    r"\u1780-\u17b3\u17dc\u1000-\u102a\u103f\u1050-\u1055"  # Thai, Lao, Khmer, Burmese
)
_UNSPACED = re.compile(f"[{_ALONE}]")
_STACKED = "\u17d2\u1039"
"""Marks that put the next letter under the last one."""
_NOTHING = "\u200b\u2060\ufeff\u00ad" + "".join(
    c for c in map(chr, range(0xA0)) if not (c.isprintable() or c.isspace())
)
"""Characters that nobody sees and tokenizers drop: they are no words, and inside a word they do not
end it.
"""
_UNSEEN = f"[{re.escape(_NOTHING)}]"
_PIECES = re.compile(rf"\w+(?:{_UNSEEN}+\w+)*|(?!{_UNSEEN})[^\w\s]")
_CHUNKS = re.compile(r"\S+")
_HIDDEN = re.compile(_UNSEEN)
_LETTERS_OR_DIGITS = re.compile(r"\d+|_+|[^\d_]+")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
_ENDING = re.compile(r"(?i)(?:n['’]t|['’](?:s|m|d|ll|re|ve))$")
_FACE = re.compile(r"[<>]?[:;=8xX][-o*'^]?[)(\[\]dDpP/\\|@*3]+|[<][/\\]?3+|\^[_.]?\^")
_ADDRESS = re.compile(r"(?:[a-zA-Z][\w+.-]*://|www\.)\S*[\w/]")
_JOINERS = "\u200c\u200d"

_BEFORE = frozenset(".,;:!?%)]}…’”»%、。")
_BEHIND = frozenset("([{“‘«$£€#@¿¡")
SAMPLE = 400
"""Sentences by which a rule is chosen."""


def is_blank(text: str) -> bool:
    """Whether a text has no character that a reader sees."""
    return all(one.isspace() or unicodedata.category(one) in ("Cc", "Cf") for one in text)


def split_words(text: str, rule: str = "words") -> list[Span]:
    """The words of a text as ``(start, end)`` offsets of characters, end exclusive.

    Args:
        text: the text.
        rule: one of `RULES`.
    """
    cut = _join_marks(text, _CUTTERS[rule](text))
    if rule == "whitespace" or not _UNSPACED.search(text):
        return cut
    return [part for span in cut for part in _alone(text, *span)]


def _alone(text: str, start: int, end: int) -> list[Span]:
    """A word with its characters of scripts without blanks apart, marks with their letters."""
    found: list[Span] = []
    running = False
    for i in range(start, end):
        unspaced = _unspaced(text[i]) and not (found and text[i - 1] in _STACKED)
        joins = bool(found) and not unspaced and (running or _is_mark(text[i]))
        if joins or (found and text[i - 1] in _STACKED):
            found[-1] = found[-1][0], i + 1
        else:
            found.append((i, i + 1))
            running = not unspaced
    return found


def join_words(words: Sequence[str]) -> tuple[str, list[Span]]:
    """Words as a text with a blank between, and the characters of each.

    Nothing stands between characters of scripts that are written without blanks, nor between any
    where all words of such a sentence are single characters.
    """
    single = _by_character(words)
    return _join(words, lambda before, word: not (single or _both_unspaced(before, word)))


def find_words(text: str, words: Sequence[str]) -> list[Span] | None:
    """The characters of each word in a text that is made of these words, with nothing visible
    between them; ``None`` if it is not.
    """
    spans, at = [], 0
    for word in words:
        start = text.find(word, at)
        if not word or start < 0 or not _blank(text[at:start]):
            return None
        at = start + len(word)
        spans.append((start, at))
    return spans if _blank(text[at:]) else None


def choose_rule(sentences: Iterable[tuple[Sequence[str], str | None]]) -> tuple[Rule, float]:
    """The rule that gives the words of sentences best, and the share of the words that it gives.

    A sentence whose text is known is cut as it is; of another's words two texts are made, one with
    a blank between all of them and one as people write, without it before a comma: what counts is
    the worse of the two.

    Args:
        sentences: words, and the text that they are the words of, where there is one.
    """
    total = 0
    found = {rule: [0, 0] for rule in RULES}
    for words, text in sentences:
        spans = find_words(text, words) if text is not None else None
        texts = (
            [(text, spans)] * 2
            if text is not None and spans
            else [join_words(words), _written(words)]
        )
        total += len(words)
        for rule, counts in found.items():
            for i, (joined, where) in enumerate(texts):
                counts[i] += len(set(where) & set(split_words(joined, rule)))
    shares = {rule: min(counts) / max(1, total) for rule, counts in found.items()}
    best = max(RULES, key=lambda rule: round(shares[rule], 3))
    return best, shares[best]


def _by_character(words: Sequence[str]) -> bool:
    return all(len(word) < 2 for word in words) and any(map(_unspaced, words))


def _both_unspaced(before: str, word: str) -> bool:
    return _unspaced(before[-1:]) and _unspaced(word[:1])


def _unspaced(character: str) -> bool:
    return bool(character) and _UNSPACED.match(character) is not None


def _blank(text: str) -> bool:
    return text in ("", " ") or all(one.isspace() or one in _NOTHING for one in text)


def _join(words: Sequence[str], apart: Callable[[str, str], bool]) -> tuple[str, list[Span]]:
    parts: list[str] = []
    spans: list[Span] = []
    size = 0
    before = ""
    for word in words:
        if parts and apart(before, word):
            parts.append(" ")
            size += 1
        parts.append(word)
        spans.append((size, size + len(word)))
        size += len(word)
        before = word
    return "".join(parts), spans


def _written(words: Sequence[str]) -> tuple[str, list[Span]]:
    """Words as people write them: no blank before a comma, behind a bracket, inside quotes."""
    single = _by_character(words)
    quoted = behind = False

    def apart(before: str, word: str) -> bool:
        nonlocal quoted, behind
        tight = single or behind or _both_unspaced(before, word)
        behind = word in _BEHIND
        if word == '"':
            tight, behind, quoted = quoted, not quoted, not quoted
        closes = set(word) <= _BEFORE and not _FACE.fullmatch(word)
        return not (tight or closes or _ENDING.fullmatch(word))

    first = words[0] if words else ""
    behind, quoted = first in _BEHIND or first == '"', first == '"'
    return _join(words, apart)


def _within(text: str, span: Span, pattern: re.Pattern[str]) -> list[Span]:
    start, end = span
    return [
        (start + part.start(), start + part.end()) for part in pattern.finditer(text[start:end])
    ]


def _words(text: str) -> list[Span]:
    return [match.span() for match in _PIECES.finditer(text)]


def _letters_digits(text: str) -> list[Span]:
    return [part for span in _words(text) for part in _within(text, span, _LETTERS_OR_DIGITS)]


def _characters(text: str) -> list[Span]:
    return [(i, i + 1) for i, c in enumerate(text) if not (c.isspace() or c in _NOTHING)]


def _whitespace(text: str) -> list[Span]:
    if not _HIDDEN.search(text):
        return [match.span() for match in _CHUNKS.finditer(text)]
    found = []
    for match in _CHUNKS.finditer(text):
        start = match.end() - len(match.group().lstrip(_NOTHING))
        end = match.start() + len(match.group().rstrip(_NOTHING))
        if start < end:
            found.append((start, end))
    return found


def _inner(text: str) -> list[Span]:
    return [
        part
        for start, end in _whitespace(text)
        for part in ([(start, end)] if text[start:end].isalnum() else _peeled(text, start, end))
    ]


def _treebank(text: str) -> list[Span]:
    found = []
    for start, end in _inner(text):
        ending = None if text[start:end].isalnum() else _ENDING.search(text[start:end])
        cut = start + ending.start() if ending else start
        found += [(start, end)] if cut == start else [(start, cut), (cut, end)]
    return found


def _peeled(text: str, start: int, end: int) -> list[Span]:
    """What stands between two blanks: the punctuation at its ends, and what is between."""
    front: list[Span] = []
    back: list[Span] = []
    while start < end:
        rest = text[start:end]
        whole = _FACE.fullmatch(rest) or _INITIALS.fullmatch(rest) or _ENDING.fullmatch(rest)
        address = _ADDRESS.match(rest)
        if address:
            back = [*_runs(text, start + address.end(), end), *back]
            end = start + address.end()
        if whole or address:
            break
        if not _wordy(text[start]) and not (text[start] in "@#" and _wordy(rest[1:2])):
            run = _run(text, range(start, end))
            front.append((start, start + run))
            start += run
        elif not _wordy(text[end - 1]):
            run = _run(text, range(end - 1, start - 1, -1))
            back.insert(0, (end - run, end))
            end -= run
        else:
            break
    return [*front, *([(start, end)] if start < end else []), *back]


def _runs(text: str, start: int, end: int) -> list[Span]:
    found = []
    while start < end:
        run = _run(text, range(start, end))
        found.append((start, start + run))
        start += run
    return found


def _run(text: str, places: Sequence[int]) -> int:
    """How many of the characters at these places are the same as the first."""
    same = 1
    while same < len(places) and text[places[same]] == text[places[0]]:
        same += 1
    return same


def _wordy(character: str) -> bool:
    return bool(character) and (character.isalnum() or character == "_" or _is_mark(character))


def _is_mark(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character).startswith("M")


def _join_marks(text: str, pieces: list[Span]) -> list[Span]:
    """Marks (vowel signs, accents) and joiners belong to the letters they stand between."""
    if text.isascii():
        return pieces
    found: list[Span] = []
    for start, end in pieces:
        if text[start] in _NOTHING and end - start == 1:
            continue
        touches = bool(found) and found[-1][1] == start
        last = text[start - 1] if touches else ""
        letter = text[start].isalnum() or text[start] == "_"
        if touches and (
            _is_mark(text[start]) or last == _JOINERS[1] or (letter and _is_mark(last))
        ):
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


_CUTTERS: dict[str, Callable[[str], list[Span]]] = {
    "words": _words,
    "treebank": _treebank,
    "inner": _inner,
    "letters-digits": _letters_digits,
    "characters": _characters,
    "whitespace": _whitespace,
}
