"""Near synonyms: the neighbours of a word among the model's own input embeddings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import numpy as np

from ft_augment.spans import PIECES

Case = Literal["lower", "title", "upper"]

SHORTEST = 3
"""Letters of a word that has neighbours; shorter pieces are mostly parts of words."""

MOST_WORDS = 5_000
"""Words that neighbours are looked up for; the most frequent ones come first."""

MOST_CANDIDATES = 50_000
"""Words of the vocabulary that are compared; those with the lowest ids, the most frequent."""

_BLOCK = 128


def find_neighbours(
    words: Iterable[str],
    vocab: Mapping[str, int],
    table: np.ndarray,
    *,
    count: int,
    similarity: float,
    spare: Collection[str] = frozenset(),
) -> dict[str, tuple[str, ...]]:
    """The nearest whole words of the vocabulary by cosine similarity.

    Neither a word nor its neighbours are numbers, punctuation, shorter than three letters, in a
    script without spaces, or in ``spare``. A neighbour comes in the letter case of the word.
    Memory: a copy of at most `MOST_CANDIDATES` rows of ``table`` while it runs.

    Args:
        words: words as written, the most frequent first; only the first `MOST_WORDS` that the
            vocabulary holds in one piece are looked up.
        vocab: the tokenizer's pieces and their ids.
        table: (pieces, dimensions), the input embeddings.
        count: most neighbours a word.
        similarity: smallest cosine of a neighbour.
        spare: lower-case words to leave alone.

    Returns:
        By word as written, its neighbours, nearest first; without words that have none.
    """
    known = {
        word: row
        for word, row in whole_words(vocab).items()
        if row < len(table) and _fits(word) and word.lower() not in spare
    }
    wanted: dict[Case, dict[str, list[tuple[str, Case]]]] = {}
    found = 0
    for word in words:
        case = letter_case(word)
        if case is None or found == MOST_WORDS:
            continue
        key, key_case = (word, case) if word in known else (word.lower(), "lower")
        if key in known:
            wanted.setdefault(key_case, {}).setdefault(key, []).append((word, case))
            found += 1
    near: dict[str, tuple[str, ...]] = {}
    for key_case, forms in wanted.items():
        candidates = sorted(
            (row, word) for word, row in known.items() if letter_case(word) == key_case
        )[:MOST_CANDIDATES]
        names = [word for _, word in candidates]
        vectors = _unit(table[[row for row, _ in candidates]])
        queries = list(forms)
        for start in range(0, len(queries), _BLOCK):
            block = queries[start : start + _BLOCK]
            scores = _unit(table[[known[key] for key in block]]) @ vectors.T
            for key, row in zip(block, scores, strict=True):
                close = _closest(key, row, names, count, similarity)
                for word, case in forms[key] if close else ():
                    near[word] = tuple(_recase(other, case) for other in close)
    return near


def whole_words(vocab: Mapping[str, int]) -> dict[str, int]:
    """The pieces that are words by themselves, without the tokenizer's marks, and their ids.

    Knows WordPiece (``##`` marks the inside of a word), SentencePiece (``▁`` marks its beginning)
    and byte-level BPE (``Ġ`` likewise, bytes written as letters).
    """
    for mark in ("▁", "Ġ"):
        begin = {piece[1:]: row for piece, row in vocab.items() if piece.startswith(mark)}
        if len(begin) > len(vocab) / 20:
            return begin if mark == "▁" else _from_bytes(begin)
    return {piece: row for piece, row in vocab.items() if not piece.startswith("##")}


def letter_case(word: str) -> Case | None:
    """How the word is written; ``None`` if in mixed case. A script without case is ``lower``."""
    if word == word.lower():
        return "lower"
    if word == word.upper():
        return "upper"
    return "title" if word == word.capitalize() else None


def _recase(word: str, case: Case) -> str:
    if case == "lower":
        return word
    return word.upper() if case == "upper" else word.capitalize()


def _fits(word: str) -> bool:
    return len(word) >= SHORTEST and word.isalpha() and len(PIECES.findall(word)) == 1


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows


def _closest(
    key: str, scores: np.ndarray, names: list[str], count: int, similarity: float
) -> list[str]:
    """The names with the best scores, nearest first, the word itself left out."""
    best = np.flatnonzero(scores >= similarity)
    if len(best) > count + 1:
        best = best[np.argpartition(-scores[best], count)[: count + 1]]
    best = best[np.lexsort((best, -scores[best]))]
    return [names[i] for i in best if names[i] != key][:count]


def _from_bytes(words: Mapping[str, int]) -> dict[str, int]:
    """Undo the letters that byte-level BPE writes bytes with; what is not UTF-8 is left out."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    byte_of = {chr(byte): byte for byte in plain}
    byte_of |= {chr(256 + i): byte for i, byte in enumerate(rest)}
    decoded = {}
    for word, row in words.items():
        try:
            decoded[bytes(byte_of[letter] for letter in word).decode()] = row
        except (KeyError, UnicodeDecodeError):
            continue
    return decoded
