"""What the training split offers: mentions by type, words by tag, and how often words occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ft import Schema
from ft_augment.spans import entities
from ft_augment.stopwords import ENGLISH, stop_words
from ft_augment.text import cores, split

if TYPE_CHECKING:
    from datasets import Dataset

MOST_ROWS = 100_000
MOST_WORDS = 2_000_000
_PROBE = 500
_BATCH = 1_000


@dataclass(frozen=True)
class Inventory:
    """Collected from the training split by `collect`.

    Attributes:
        mentions: by entity type, each distinct mention once, in order of appearance.
        tokens: by tag, the words that carry it, as often as they occur, without stop words.
        counts: occurrences of each word as written; words inside entities only on request.
        stop: lower-case stop words.
    """

    mentions: Mapping[str, list[tuple[str, ...]]] = field(default_factory=dict)
    tokens: Mapping[str, list[str]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    stop: frozenset[str] = ENGLISH


def collect(
    train: Dataset,
    schema: Schema,
    rng: np.random.Generator,
    *,
    inside: bool = False,
) -> Inventory:
    """Read the training split once, or a uniform sample of it if it is large.

    At most `MOST_ROWS` examples and about `MOST_WORDS` words are read, spread evenly over the
    split, so memory and time do not grow with a corpus beyond that.

    Args:
        train: the training split, each example once.
        schema: what its columns are.
        rng: draws the sample.
        inside: count the words inside entities too.
    """
    tagged = schema.words is not None and schema.words.tags is not None
    bio = tagged and schema.words is not None and schema.words.scheme is not None
    mentions: dict[str, dict[tuple[str, ...], None]] = {}
    tokens: dict[str, list[str]] = {}
    outer: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    one: dict[str, str] = {}
    for sentence, tags in _sentences(train, schema, rng):
        if tags is None:
            outer.update(sentence)
            continue
        for word, tag in zip(sentence, tags, strict=True):
            tokens.setdefault(tag, []).append(one.setdefault(word, word))
            (inner if bio and tag != "O" else outer)[word] += 1
        for start, end in entities(tags) if bio else ():
            kind = mentions.setdefault(tags[start][2:], {})
            kind.setdefault(tuple(one[word] for word in sentence[start:end]))
    stop = stop_words(outer)
    return Inventory(
        mentions={kind: list(known) for kind, known in mentions.items()},
        tokens={
            tag: [word for word in known if word.lower() not in stop]
            for tag, known in tokens.items()
        },
        counts=outer + inner if inside else outer,
        stop=stop,
    )


def sample_rows(rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Rising row numbers, at most ``most`` of ``rows``: one drawn from each of ``most`` equal
    stretches, so that every row is as likely and memory does not depend on ``rows``.
    """
    if rows <= most:
        return np.arange(rows)
    drawn = (np.arange(most) + rng.random(most)) * (rows / most)
    return np.unique(np.minimum(drawn.astype(np.int64), rows - 1))


def _sentences(
    train: Dataset, schema: Schema, rng: np.random.Generator
) -> Iterator[tuple[list[str], list[str] | None]]:
    """The words (and tags) of a sample of the examples, each text as a sentence without tags."""
    words = schema.words
    texts = [text.column for text in schema.texts if text.editable]
    names = [words.tokens] if words else []
    if words and words.tags:
        names.append(words.tags)
    train = train.with_format(None).select_columns([*names, *texts])

    def read(rows: np.ndarray) -> Iterator[tuple[list[str], list[str] | None]]:
        part = train if len(rows) == len(train) else train.select(rows)
        for batch in part.iter(_BATCH):
            if words:
                tags: Any = batch[words.tags] if words.tags else [None] * len(batch[words.tokens])
                yield from zip(batch[words.tokens], tags, strict=True)
            for column in texts:
                for text in batch[column]:
                    if isinstance(text, str):
                        yield cores(split(text)[0]), None

    probe = sample_rows(len(train), _PROBE, rng)
    length = sum(len(sentence) for sentence, _ in read(probe)) / max(1, len(probe))
    most = int(min(MOST_ROWS, max(1, MOST_WORDS / max(length, 1))))
    yield from read(sample_rows(len(train), most, rng))
