"""Words to the pieces of a tokenizer, as it cuts the running text that they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.data.tags.cutting import Span, find_words, join_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Piece = tuple[int, int, int]
"""An id, and the characters ``[start, end)`` of the text that it stands for."""

_SETTINGS: dict[str, Any] = {
    "add_special_tokens": False,
    "return_attention_mask": False,
    "return_token_type_ids": False,
    "return_offsets_mapping": True,
    "verbose": False,
}


def pieces_of(
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[Sequence[str]],
    texts: Sequence[Any] | None = None,
) -> list[tuple[list[int], list[int]]]:
    """Piece ids and the word of each piece, ``-1`` before the first word.

    A sentence is encoded as running text, so that training, evaluation and prediction see the
    pieces that the tokenizer gives for the text. Words of which no text is known stand with a blank
    between (see `join_words`).

    A text in which a piece reaches over the beginning of a word is cut there and encoded again. A
    word that the tokenizer makes nothing of (a lone zero-width character) stands as the unknown
    token, so that every word has a piece.

    Args:
        tokenizer: a fast one.
        sentences: words.
        texts: the text of each sentence; what is not a text made of these words is left aside.

    Raises:
        DataError: a word has no pieces and there is no unknown token.
    """
    placed: list[tuple[str, list[Span]]] = []
    for words, text in zip(sentences, texts or [None] * len(sentences), strict=True):
        spans = find_words(text, words) if isinstance(text, str) else None
        placed.append((text, spans) if spans else join_words(words))
    found: list[list[Piece]] = [[] for _ in placed]
    wanted = [i for i, (text, _) in enumerate(placed) if text]
    for i, pieces in zip(wanted, _encode(tokenizer, [placed[i][0] for i in wanted]), strict=True):
        text, spans = placed[i]
        cuts: set[int] = set()
        while more := _reached_over(pieces, text, spans) - cuts:
            cuts |= more
            pieces = _encode_cut(tokenizer, text, sorted(cuts))
        found[i] = pieces
    unknown = tokenizer.unk_token_id
    return [
        _owned(pieces, text, spans, unknown)
        for pieces, (text, spans) in zip(found, placed, strict=True)
    ]


def _encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Iterator[list[Piece]]:
    if not texts:
        return
    encoded = tokenizer(list(texts), **_SETTINGS)
    for ids, places in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        yield [(piece, *place) for piece, place in zip(ids, places, strict=True)]


def _encode_cut(tokenizer: PreTrainedTokenizerBase, text: str, cuts: Iterable[int]) -> list[Piece]:
    """The pieces of a text of which no piece reaches over one of the cuts."""
    # A blank goes with the word behind it, as byte-level tokenizers have learnt it.
    edges = [0, *(cut - (text[cut - 1] == " ") for cut in cuts), len(text)]
    parts = [(start, end) for start, end in pairwise(edges) if start < end]
    encoded = tokenizer(
        [text[start:end] for start, end in parts], is_split_into_words=True, **_SETTINGS
    )
    owners = encoded.word_ids(0)
    return [
        (piece, parts[part][0] + start, parts[part][0] + end)
        for piece, (start, end), part in zip(
            encoded["input_ids"], encoded["offset_mapping"], owners, strict=True
        )
    ]


def _visible(text: str, start: int, end: int) -> int:
    """Where a piece begins behind the white space that it may count to itself."""
    while start < end and text[start].isspace():
        start += 1
    return start


def _reached_over(pieces: Sequence[Piece], text: str, spans: Sequence[Span]) -> set[int]:
    """The beginnings of words that lie within a piece."""
    found = set()
    word = 0
    for _, start, end in pieces:
        start = _visible(text, start, end)
        while word < len(spans) and spans[word][0] <= start:
            word += 1
        at = word
        while at < len(spans) and spans[at][0] < end:
            found.add(spans[at][0])
            at += 1
    return found


def _owned(
    pieces: Sequence[Piece], text: str, spans: Sequence[Span], unknown: int | None
) -> tuple[list[int], list[int]]:
    """Piece ids and their words. What is invisible belongs to the word before it, but the blank
    or prefix with which a tokenizer begins a word to that word.
    """
    owners: list[int] = []
    word = -1
    for _, start, end in pieces:
        visible = _visible(text, start, end)
        begun = visible < end or text[start:end] in ("", " ")
        while begun and word + 1 < len(spans) and spans[word + 1][0] <= visible:
            word += 1
        owners.append(word)
    ids = [piece for piece, _, _ in pieces]
    missing = sorted(set(range(len(spans))) - set(owners))
    if not missing:
        return ids, owners
    if unknown is None:
        raise DataError("a word has no pieces and the tokenizer has no unknown token")
    rows = [*zip(owners, range(len(ids)), ids, strict=True)]
    rows = sorted([*rows, *((word, 0, unknown) for word in missing)])
    return [piece for _, _, piece in rows], [word for word, _, _ in rows]
