"""Suspected labels of one set of labelled examples."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ft import tags
from ft_curate.suspects.confident import FEW, Confident, confident
from ft_curate.texts import key

NEIGHBOURS = 10


@dataclass(frozen=True)
class Suspect:
    """A label that is probably wrong.

    Attributes:
        place: ``file:line``, or the number of the example in its split.
        text: of the example, or the words in question.
        given: the label.
        instead: what it seems to be.
        margin: by how much that is likelier, from 0 to 1.
        reasons: why, in words.
        row: the example's position in its split.
        first: the first of the words in question, counted from 0; ``None`` for a whole text.
        last: the last of them.
    """

    place: str
    text: str
    given: str
    instead: str
    margin: float
    reasons: tuple[str, ...]
    row: int
    first: int | None = None
    last: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Found:
    """The suspected labels of a set.

    Attributes:
        suspects: the likeliest wrong first.
        labels: how many labels there are.
        expected: how many of them are wrong by the method's estimate.
        notes: what limits that.
    """

    suspects: Sequence[Suspect]
    labels: int
    expected: float
    notes: Sequence[str] = ()


def of_classes(
    given: Sequence[str],
    shares: np.ndarray,
    names: Sequence[str],
    texts: Sequence[str],
    places: Sequence[str],
    vectors: np.ndarray | None,
) -> Found:
    """Labels of texts that are probably wrong; all of them are classes that the model knows."""
    ids = {name: k for k, name in enumerate(names)}
    labels = np.array([ids[one] for one in given])
    found = confident(shares, labels)
    same: Mapping[bytes, list[int]] = _same(texts)
    suspects = []
    for row, instead, margin in zip(
        found.rows.tolist(), found.instead.tolist(), found.margins.tolist(), strict=True
    ):
        own, other = names[int(labels[row])], names[instead]
        reasons = [_shares(shares[row], int(labels[row]), instead, names, found)]
        others = Counter(given[i] for i in same[key(texts[row])] if i != row and given[i] != own)
        if others:
            told = ", ".join(f"'{name}' ({count})" for name, count in others.most_common(3))
            reasons.append(f"the same text has other labels elsewhere: {told}")
        if vectors is not None:
            reasons.append(_near(row, vectors, given, own, other))
        suspects.append(Suspect(places[row], texts[row], own, other, margin, tuple(reasons), row))
    return Found(
        suspects, len(given), found.expected, _few(np.bincount(labels, minlength=len(names)), names)
    )


def of_sets(
    given: Sequence[Sequence[str]],
    shares: np.ndarray,
    names: Sequence[str],
    texts: Sequence[str],
    places: Sequence[str],
) -> Found:
    """Labels of texts that may have several: each class is looked at as one of two, given or not."""
    suspects, expected = [], 0.0
    bits = np.array([[name in one for name in names] for one in given], dtype=np.int64)
    for k, name in enumerate(names):
        pair = np.stack([1 - shares[:, k], shares[:, k]], 1)
        found = confident(pair, bits[:, k])
        expected += found.expected
        for row, instead, margin in zip(
            found.rows.tolist(), found.instead.tolist(), found.margins.tolist(), strict=True
        ):
            own, other = (f"not '{name}'", name) if instead else (name, f"not '{name}'")
            reason = f"the model gives '{name}' {shares[row, k]:.2f}"
            suspects.append(Suspect(places[row], texts[row], own, other, margin, (reason,), row))
    suspects.sort(key=lambda one: -one.margin)
    return Found(suspects, bits.size, expected, _few(bits.sum(0), names))


def of_words(
    given: Sequence[Sequence[str]],
    shares: Sequence[np.ndarray],
    names: Sequence[str],
    words: Sequence[Sequence[str]],
    places: Sequence[str],
    spans: bool,
) -> Found:
    """Tags of words that are probably wrong, adjacent words with the same change together.

    Where tags mark spans, their types are looked at: a word is of a type, or outside.
    """
    kinds = [_kind(name) if spans else name for name in names]
    types = list(dict.fromkeys(kinds))
    member = np.array([[kind == one for one in types] for kind in kinds], np.float64)
    ids = {name: types.index(kind) for name, kind in zip(names, kinds, strict=True)}
    labels = np.array([ids[tag] for sentence in given for tag in sentence], dtype=np.int64)
    whole = (
        np.concatenate([one @ member for one in shares])
        if len(labels)
        else np.zeros((0, len(types)))
    )
    found = confident(whole, labels)
    at = {word: k for k, word in enumerate(found.rows.tolist())}
    suspects = []
    begin = 0
    for row, sentence in enumerate(words):
        first = 0
        while first < len(sentence):
            k = at.get(begin + first)
            if k is None:
                first += 1
                continue
            change = (int(labels[begin + first]), int(found.instead[k]))
            last = first
            while last + 1 < len(sentence) and (j := at.get(begin + last + 1)) is not None:
                if (int(labels[begin + last + 1]), int(found.instead[j])) != change:
                    break
                last += 1
            inside = range(begin + first, begin + last + 1)
            margin = float(np.mean([found.margins[at[one]] for one in inside]))
            mean = whole[inside.start : inside.stop].mean(0)
            suspects.append(
                Suspect(
                    places[row],
                    " ".join(sentence[first : last + 1]),
                    types[change[0]],
                    types[change[1]],
                    margin,
                    (_shares(mean, *change, types, found), _beside(sentence, first, last)),
                    row,
                    first,
                    last,
                )
            )
            first = last + 1
        begin += len(sentence)
    suspects.sort(key=lambda one: -one.margin)
    few = _few(np.bincount(labels, minlength=len(types)), types)
    return Found(suspects, len(labels), found.expected, few)


def _kind(tag: str) -> str:
    return next((kind for _, _, kind in tags.spans([tag])), tag)


def _same(texts: Sequence[str]) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        found[key(text)].append(row)
    return found


def _shares(row: np.ndarray, own: int, other: int, names: Sequence[str], found: Confident) -> str:
    usual = found.thresholds[other]
    return (
        f"the model gives '{names[other]}' {row[other]:.2f} and '{names[own]}' {row[own]:.2f}; where "
        f"'{names[other]}' is the label it gives it {usual:.2f} on average"
    )


def _near(row: int, vectors: np.ndarray, given: Sequence[str], own: str, other: str) -> str:
    """How the most similar texts are labelled; vectors are of length 1."""
    alike = vectors @ vectors[row]
    alike[row] = -np.inf
    most = min(NEIGHBOURS, len(given) - 1)
    nearest = [given[i] for i in np.argpartition(-alike, most - 1)[:most]] if most else []
    return (
        f"of the {most} most similar texts {nearest.count(other)} have the label '{other}' and "
        f"{nearest.count(own)} '{own}'"
    )


def _beside(sentence: Sequence[str], first: int, last: int) -> str:
    before = "..." if first > 5 else ""
    behind = "..." if last + 6 < len(sentence) else ""
    part = [*sentence[max(0, first - 5) : first], f"[{' '.join(sentence[first : last + 1])}]"]
    return f"in: {before}{' '.join([*part, *sentence[last + 1 : last + 6]])}{behind}"


def _few(counts: np.ndarray, names: Sequence[str]) -> list[str]:
    few = [
        f"'{name}' ({count})" for name, count in zip(names, counts, strict=True) if 0 < count < FEW
    ]
    if not few:
        return []
    shown = ", ".join(few[:5]) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
    return [f"labels with fewer than {FEW} examples, of which little can be said: {shown}"]
