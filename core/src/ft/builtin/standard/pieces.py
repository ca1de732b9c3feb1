"""Words to the pieces of a tokenizer, as it cuts the running text that they stand in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError
from ft.data.tags.cutting import Span, find_words, join_words
from ft.data.tags.marks import LETTERS, weight

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
    *,
    cut: bool = True,
) -> list[tuple[list[int], list[int]]]:
    """Piece ids and the word of each piece, ``-1`` before the first word.

    A sentence is encoded as running text, so that training, evaluation and prediction see the
    pieces that the tokenizer gives for the text. Words of which no text is known stand with a blank
    between (see `join_words`).

    A piece may reach over the beginning of a word (``).`` as one piece). With ``cut`` the text is
    cut there and encoded again, so that every word has pieces of its own. Without, the pieces of
    the text stay as they are where at most one word of such a piece has letters or digits: the
    piece is that word's, or the first mark's where all are marks, and the other marks have none. A
    piece of several words with letters (``北京``) is cut all the same, and so is the unknown token.

    A word that the tokenizer makes nothing of (a lone zero-width character) stands as the unknown
    token.

    Args:
        tokenizer: a fast one.
        sentences: words.
        texts: the text of each sentence; what is not a text made of these words is left aside.
        cut: whether every word needs a piece of its own.

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
        found[i] = pieces
    return [
        _owned(tokenizer, pieces, text, spans, cut)
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


def _owned(
    tokenizer: PreTrainedTokenizerBase,
    pieces: list[Piece],
    text: str,
    spans: Sequence[Span],
    cut: bool,
) -> tuple[list[int], list[int]]:
    """Piece ids and their words, of a text that is cut where it must be."""
    unknown = tokenizer.unk_token_id
    cuts: set[int] = set()
    while True:
        owners, reached = _places(pieces, text, spans)
        refused = {i for i in reached if cut or pieces[i][0] == unknown}
        apart, without = _shared(owners, reached, text, spans, refused)
        more = {spans[word][0] for word in apart} - cuts
        if not more:
            break
        cuts |= more
        pieces = _encode_cut(tokenizer, text, sorted(cuts))
    ids = [piece for piece, _, _ in pieces]
    missing = sorted(set(range(len(spans))) - set(owners) - without)
    if not missing:
        return ids, owners
    if unknown is None:
        raise DataError("a word has no pieces and the tokenizer has no unknown token")
    rows = [*zip(owners, range(len(ids)), ids, strict=True)]
    rows = sorted([*rows, *((word, 0, unknown) for word in missing)])
    return [piece for _, _, piece in rows], [word for word, _, _ in rows]


def _places(
    pieces: Sequence[Piece], text: str, spans: Sequence[Span]
) -> tuple[list[int], dict[int, range]]:
    """The word in which each piece begins, and the words that begin later within a piece.

    What is invisible belongs to the word before it, but the blank or prefix with which a tokenizer
    begins a word to that word.
    """
    owners: list[int] = []
    reached: dict[int, range] = {}
    word = -1
    for i, (_, start, end) in enumerate(pieces):
        visible = _visible(text, start, end)
        begun = visible < end or text[start:end] in ("", " ")
        while begun and word + 1 < len(spans) and spans[word + 1][0] <= visible:
            word += 1
        owners.append(word)
        behind = word + 1
        while behind < len(spans) and spans[behind][0] < end:
            behind += 1
        if behind > word + 1:
            reached[i] = range(word + 1, behind)
    return owners, reached


def _shared(
    owners: list[int],
    reached: dict[int, range],
    text: str,
    spans: Sequence[Span],
    refused: set[int],
) -> tuple[list[int], set[int]]:
    """Give each piece that reaches over several words to one of them, in ``owners``, but for those
    that are refused.

    Returns:
        The words at which the text must be cut instead, and those that are left without a piece.
    """
    apart: list[int] = []
    without: set[int] = set()
    count = Counter(owners)
    for i, begun in reached.items():
        first = [owners[i]] if owners[i] >= 0 and count[owners[i]] == 1 else []
        lacking = [*first, *(word for word in begun if not count[word])]
        if i in refused:
            apart += begun
        elif len(lacking) > len(first):
            weights = [weight(text[slice(*spans[word])]) for word in lacking]
            heaviest = lacking[weights.index(max(weights))]
            if max(weights) == LETTERS and heaviest < lacking[-1]:
                apart += begun
            else:
                owners[i] = heaviest
                without |= {*lacking} - {heaviest}
    return apart, without
