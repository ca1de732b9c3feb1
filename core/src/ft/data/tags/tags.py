"""Tags that mark spans of words: the schemes, conversion between them, and the spans they mean.

A tag is ``O`` or a prefix and a type, ``B-PER``; a prefix alone marks spans of the type ``""``.

| scheme  | prefixes      | a span is                                                       |
|---------|---------------|-----------------------------------------------------------------|
| `BIO2`  | B I           | ``B I I``; also called IOB2                                     |
| `IOB1`  | B I           | ``I I I``; ``B`` only where it touches a span of the same type  |
| `IO`    | I             | ``I I I``; touching spans of one type cannot be told apart      |
| `BIOES` | B I E S       | ``B I E``, a single word ``S``; also called IOBES               |
| `BMES`  | B M E S (W)   | as BIOES with M for I; W stands for S in BMEWO                  |
| `BILOU` | B I L U       | as BIOES with L for E and U for S                               |

What an impossible sequence means is conlleval's rule (Tjong Kim Sang & Buchholz 2000): a tag that
cannot continue the span before it begins a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from ft.contract.errors import DataError

Scheme = Literal["BIO2", "IOB1", "IO", "BIOES", "BMES", "BILOU"]
SCHEMES: tuple[Scheme, ...] = ("BIO2", "IOB1", "IO", "BIOES", "BMES", "BILOU")

OUTSIDE = "O"

_LETTERS: dict[str, dict[str, str]] = {
    "BIO2": {"B": "B", "I": "I"},
    "IOB1": {"B": "B", "I": "I"},
    "IO": {"I": "I"},
    "BIOES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S", "W": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
}
"""Each scheme's prefixes, and the prefix of BIOES that means the same."""

_ANY = {letter: plain for table in _LETTERS.values() for letter, plain in table.items()}


def split_tag(tag: str) -> tuple[str, str]:
    """The prefix and the type of a tag: ``("B", "PER")``, ``("B", "")``, ``("O", "")``.

    The prefix is ``""`` for a tag of no scheme, such as a part of speech.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, dash, kind = tag.partition("-")
    if prefix in _ANY and bool(dash) == bool(kind):
        return prefix, kind
    return "", tag


def join_tag(prefix: str, kind: str) -> str:
    """The tag that `split_tag` takes apart."""
    return f"{prefix}-{kind}" if kind else prefix


def _plain(tag: str | None) -> tuple[str, str]:
    """Prefix in the letters of BIOES, and type; the edge of a sentence counts as outside."""
    if tag is None:
        return OUTSIDE, ""
    prefix, kind = split_tag(tag)
    return _ANY.get(prefix, OUTSIDE), kind


def begins(before: str | None, tag: str) -> bool:
    """Whether ``tag`` begins a span, by conlleval's rule.

    Args:
        before: the tag of the word before, ``None`` at the beginning of a sentence.
        tag: a tag of any scheme.
    """
    prefix, kind = _plain(tag)
    last, last_kind = _plain(before)
    if prefix == OUTSIDE:
        return False
    return prefix in "BS" or last in "OES" or last_kind != kind


def bio2_tag(before: str | None, tag: str) -> str:
    """``tag`` in BIO2, given the *original* tag before it."""
    prefix, kind = _plain(tag)
    if prefix == OUTSIDE:
        return OUTSIDE
    return join_tag("B" if begins(before, tag) else "I", kind)


def is_legal(before: str | None, tag: str | None, scheme: Scheme = "BIO2") -> bool:
    """Whether ``tag`` may follow ``before``; ``None`` stands for the edge of a sentence."""
    if tag not in (None, OUTSIDE) and split_tag(str(tag))[0] not in _LETTERS[scheme]:
        return False
    prefix, kind = _plain(tag)
    last, last_kind = _plain(before)
    inside = last in "BI" and last_kind == kind
    if scheme == "BIO2":
        return prefix != "I" or inside
    if scheme == "IOB1":
        return prefix != "B" or inside
    if scheme == "IO":
        return True
    if last in "BI":
        return prefix in "IE" and inside
    return prefix not in "IE"


def find_illegal(tags: Sequence[str], scheme: Scheme = "BIO2") -> list[int]:
    """Positions of the tags that cannot stand where they do.

    A span that the end of the sentence leaves open (``B`` without ``E`` in BIOES) is found at the
    last word.
    """
    found = [
        i for i, tag in enumerate(tags) if not is_legal(tags[i - 1] if i else None, tag, scheme)
    ]
    last = len(tags) - 1
    if tags and not is_legal(tags[-1], None, scheme) and last not in found:
        found.append(last)
    return found


def to_bio2(tags: Sequence[str]) -> list[str]:
    """Tags of any scheme as BIO2; impossible sequences by conlleval's rule, so the result is legal."""
    return [bio2_tag(tags[i - 1] if i else None, tag) for i, tag in enumerate(tags)]


def from_bio2(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Legal BIO2 tags in another scheme. ``IO`` merges touching spans of one type."""
    if scheme == "BIO2":
        return list(tags)
    out = [OUTSIDE] * len(tags)
    ends: dict[int, str] = {}
    middle = "M" if scheme == "BMES" else "I"
    single, last = ("U", "L") if scheme == "BILOU" else ("S", "E")
    for start, end, kind in spans(tags):
        touching = ends.get(start) == kind
        ends[end] = kind
        if scheme in ("IOB1", "IO"):
            letters = ["I"] * (end - start)
            if touching and scheme == "IOB1":
                letters[0] = "B"
        elif end - start == 1:
            letters = [single]
        else:
            letters = ["B", *[middle] * (end - start - 2), last]
        out[start:end] = [join_tag(letter, kind) for letter in letters]
    return out


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """The spans that tags of any scheme mean, as ``(start, end, type)``, end exclusive, in order.

    An impossible sequence is read by conlleval's rule; see `find_illegal` to refuse it instead.
    """
    found: list[tuple[int, int, str]] = []
    start, kind = -1, ""
    before: str | None = None
    for i, tag in enumerate(tags):
        if tag == OUTSIDE and start < 0:  # most words: nothing ends, nothing begins
            before = tag
            continue
        prefix, this = _plain(tag)
        new = begins(before, tag)
        if start >= 0 and (new or prefix == OUTSIDE):
            found.append((start, i, kind))
            start = -1
        if new:
            start, kind = i, this
        before = tag
    if start >= 0:
        found.append((start, len(tags), kind))
    return found


def tags_from_spans(length: int, spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """BIO2 tags for ``length`` words with ``spans`` of ``(start, end, type)``, end exclusive.

    Raises:
        DataError: a span is empty, leaves the sentence, or overlaps another.
    """
    tags = [OUTSIDE] * length
    for start, end, kind in spans:
        if not 0 <= start < end <= length:
            raise DataError(f"the span {start} to {end} does not fit a sentence of {length} words")
        if any(tag != OUTSIDE for tag in tags[start:end]):
            raise DataError(f"the span {start} to {end} ({kind}) overlaps another")
        tags[start:end] = [join_tag("B" if i == start else "I", kind) for i in range(start, end)]
    return tags
