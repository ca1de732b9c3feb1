"""Encoding of words with tags: first-piece labels, and windows so that no word is lost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ft.builtin.standard.pieces import pieces_of
from ft.contract.errors import DataError
from ft.contract.schema import Words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORE = -100
OVERLAP = 4
"""Neighbouring windows share a quarter of their length."""


@dataclass(frozen=True)
class Frame:
    """The special tokens that a model puts around a text."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def frame_of(tokenizer: PreTrainedTokenizerBase) -> Frame:
    """The special tokens before and after a single text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    begin = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare)
    return Frame(tuple(framed[:begin]), tuple(framed[begin + len(bare) :]))


def windows(owners: Sequence[int], room: int) -> list[tuple[int, int, frozenset[int]]]:
    """Cut a sentence of pieces into overlapping windows of at most ``room`` pieces.

    Args:
        owners: the word of each piece, rising.
        room: pieces per window.

    Returns:
        ``(begin, end, words)`` for each window: its pieces, and the words that it answers for,
        each word in the one window that shows most context on both sides of its first piece.
    """
    if len(owners) <= room:
        return [(0, len(owners), frozenset(owners))]
    firsts = [i for i in range(len(owners)) if i == 0 or owners[i] != owners[i - 1]]
    spans = [(0, room)]
    while spans[-1][1] < len(owners):
        begin, end = spans[-1]
        # The next window begins with a word, a little before this one ends; where a word is
        # longer than the window its rest is left out, and the next window begins behind it.
        last = firsts[bisect_right(firsts, end - room // OVERLAP) - 1]
        behind = bisect_right(firsts, begin)
        if last <= begin and behind == len(firsts):
            break
        start = last if last > begin else firsts[behind]
        spans.append((start, min(start + room, len(owners))))
    begins, ends = ([span[side] for span in spans] for side in (0, 1))
    answers: list[set[int]] = [set() for _ in spans]
    for first in firsts:
        # The windows around the word; where it lies in none, those beside it.
        around = range(
            max(0, min(bisect_right(ends, first), len(spans) - 1)),
            max(1, bisect_right(begins, first)),
        )
        at = max(around, key=lambda i: min(first - begins[i], ends[i] - 1 - first))
        answers[at].add(owners[first])
    return [(*span, frozenset(words)) for span, words in zip(spans, answers, strict=True)]


def encode_words(
    tokenizer: PreTrainedTokenizerBase,
    examples: Mapping[str, list[Any]],
    words: Words,
    max_length: int,
) -> dict[str, list[Any]]:
    """Features of sentences of words.

    Each word that has a piece is labelled and read off at its first one, in exactly one window: the
    one that shows most context around it. Where the examples have a column ``text`` that is made of the
    words, that is what is encoded.

    Returns:
        Columns ``row``, ``input_ids``, ``word_ids``, ``word_count``, and ``labels`` where there are
        tags.

    Raises:
        DataError: words and tags differ in number, or a tag is not among the schema's.
    """
    frame = frame_of(tokenizer)
    room = max_length - len(frame.before) - len(frame.after)
    sentences = examples[words.tokens]
    texts = examples.get("text")
    tags = examples.get(words.tags) if words.tags else None
    ids = {tag: i for i, tag in enumerate(words.labels)}
    features: dict[str, list[Any]] = {"row": [], "input_ids": [], "word_ids": [], "word_count": []}
    if tags is not None:
        features["labels"] = []
    encoded = pieces_of(tokenizer, sentences, texts, cut=words.cut)
    for row, (pieces, owners) in enumerate(encoded):
        labels = None
        if tags is not None and tags[row] is not None:
            labels = _label_ids(sentences[row], tags[row], ids, row)
        for begin, end, answers in windows(owners, room):
            marks = [-1] * len(frame.before)
            previous = None
            for owner in owners[begin:end]:
                marks.append(owner if owner != previous and owner in answers else -1)
                previous = owner
            marks += [-1] * len(frame.after)
            features["row"].append(row)
            features["input_ids"].append([*frame.before, *pieces[begin:end], *frame.after])
            features["word_ids"].append(marks)
            features["word_count"].append(len(sentences[row]))
            if tags is not None:
                features["labels"].append(
                    None if labels is None else [labels[m] if m >= 0 else IGNORE for m in marks]
                )
    return features


def _label_ids(
    tokens: Sequence[str], tags: Sequence[str], ids: Mapping[str, int], row: int
) -> list[int]:
    if len(tokens) != len(tags):
        raise DataError(
            f"{len(tokens)} words but {len(tags)} tags", where=f"example {row} of a batch"
        )
    try:
        # A tag that training never saw cannot be predicted; it scores as missed.
        return [ids.get(tag, IGNORE) for tag in tags]
    except TypeError as error:
        raise DataError(f"a tag is not a string: {error}") from error
