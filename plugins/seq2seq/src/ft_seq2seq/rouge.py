"""ROUGE (Lin 2004), over the words of any language: no letter is thrown away."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import regex

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORDS = regex.compile(rf"[{_ALONE}]\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}]--[{_ALONE}]]+", regex.V1)
_SENTENCES = regex.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")


def words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation.

    Scripts that put no blanks between words (Chinese, Japanese, Thai) give a word a character.
    Of English texts these are the words of Google's rouge-score without a stemmer.
    """
    return _WORDS.findall(unicodedata.normalize("NFC", text).lower())  # type: ignore[no-any-return]


def sentences(text: str) -> list[str]:
    """The sentences of a text: its lines where it has several, else what ends with a full stop."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) > 1:
        return lines
    return [one for one in map(str.strip, _SENTENCES.split(text)) if one]


def rouge(found: str, golds: Sequence[str]) -> list[float]:
    """F1 of ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-L of summaries, each for the best reference."""
    ours = words(found)
    of_sentences = [words(one) for one in sentences(found)]
    each = []
    for gold in golds:
        theirs = words(gold)
        each.append(
            [
                _of_grams(ours, theirs, 1),
                _of_grams(ours, theirs, 2),
                _f1(lcs(ours, theirs), len(ours), len(theirs)),
                _of_summary(of_sentences, [words(one) for one in sentences(gold)]),
            ]
        )
    return [max(values) for values in zip(*each, strict=True)]


def rouge_l(found: str, golds: Sequence[str]) -> float:
    """ROUGE-L alone, for the best reference."""
    ours = words(found)
    return max(_f1(lcs(ours, gold), len(ours), len(gold)) for gold in map(words, golds))


def grams(tokens: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    """How often each run of so many words stands in a text."""
    return Counter(tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1))


def _of_grams(ours: Sequence[str], theirs: Sequence[str], size: int) -> float:
    one, other = grams(ours, size), grams(theirs, size)
    return _f1((one & other).total(), one.total(), other.total())


def _f1(same: int, found: int, gold: int) -> float:
    return 2 * same / (found + gold) if same else 0.0


def lcs(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, by bits (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for i, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << i
    whole = (1 << len(one)) - 1
    row = whole
    for word in other:
        hits = row & places.get(word, 0)
        row = (row + hits | row - hits) & whole
    return len(one) - row.bit_count()


def _of_summary(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> float:
    """The union of each reference sentence's common subsequences with all sentences found."""
    left = [Counter(word for one in side for word in one) for side in (ours, theirs)]
    same = 0
    for gold in theirs:
        places: set[int] = set()
        for found in ours:
            places.update(_common(gold, found))
        for i in sorted(places):
            if all(side[gold[i]] > 0 for side in left):
                same += 1
                for side in left:
                    side[gold[i]] -= 1
    return _f1(same, *(sum(map(len, side)) for side in (ours, theirs)))


def _common(gold: Sequence[str], found: Sequence[str]) -> list[int]:
    """Places in the reference of a longest common subsequence."""
    table = [[0] * (len(found) + 1)]
    for word in gold:
        above, row = table[-1], [0]
        for k, other in enumerate(found):
            row.append(above[k] + 1 if word == other else max(above[k + 1], row[k]))
        table.append(row)
    i, k, places = len(gold), len(found), []
    while i and k:
        if gold[i - 1] == found[k - 1]:
            i, k = i - 1, k - 1
            places.append(i)
        elif table[i][k - 1] > table[i - 1][k]:
            k -= 1
        else:
            i -= 1
    return places
