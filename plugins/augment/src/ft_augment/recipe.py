"""Which operations apply to a data set, and in which order they alter an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from ft import Schema, Words
from ft_augment import text
from ft_augment.deletion import delete_words
from ft_augment.inventory import Inventory
from ft_augment.labelwise import replace_tokens
from ft_augment.mention import replace_mentions
from ft_augment.punctuation import insert_punctuation
from ft_augment.settings import AugmentConfig
from ft_augment.shuffle import shuffle_segments
from ft_augment.swap import swap_words
from ft_augment.synonym import replace_synonyms
from ft_augment.typo import make_typos

Neighbours = Mapping[str, Sequence[str]]
Step = Callable[[Any, Any, Random], tuple[list[str], Any]]
"""An operation at its rate: words and tags (a sentence), or words and gaps (a text)."""

OPERATIONS = (
    "mention",
    "token",
    "synonym",
    "shuffle",
    "swap",
    "delete",
    "typo",
    "punctuation",
)
"""In the order in which they are applied: replace, move, remove, misspell, insert."""

MOVES_WORDS = frozenset({"mention", "shuffle", "swap", "delete", "punctuation"})
"""The operations after which the i-th word is no longer the i-th one."""

NEEDS_INVENTORY = frozenset({"mention", "token", "synonym"})
"""The operations that need to know the training split (see `collect`)."""

_ON_TEXTS = ("synonym", "swap", "delete", "typo", "punctuation")


def word_operations(config: AugmentConfig, words: Words) -> list[str]:
    """The operations that are switched on and apply to such words.

    Mention replacement needs BIO2 tags, label-wise replacement and shuffling need tags. Under plain
    tags punctuation is inserted only if there is a tag ``"O"`` for it.
    """
    fits = dict.fromkeys(OPERATIONS, True)
    fits["mention"] = words.tags is not None and words.scheme is not None
    fits["token"] = fits["shuffle"] = words.tags is not None
    if words.tags is not None and words.scheme is None:
        fits["punctuation"] = "O" in words.labels
    return [name for name in OPERATIONS if fits[name] and getattr(config, name)]


def text_operations(config: AugmentConfig) -> list[str]:
    """The operations that are switched on and apply to free text."""
    return [name for name in OPERATIONS if name in _ON_TEXTS and getattr(config, name)]


@dataclass(frozen=True)
class Recipe:
    """The operations on a sentence and on a text, each at its rate.

    Attributes:
        words: the operations on words with tags.
        texts: the operations on a text.
        one: apply one of them, drawn uniformly, instead of all.
    """

    words: tuple[Step, ...]
    texts: tuple[Step, ...]
    one: bool

    @classmethod
    def build(
        cls, config: AugmentConfig, schema: Schema, known: Inventory, neighbours: Neighbours
    ) -> Recipe:
        """The recipe for a data set, from what its training split offers."""
        steps: list[Step] = []
        if schema.words:
            every = _word_steps(config, schema.words, known, neighbours)
            steps = [every[name] for name in word_operations(config, schema.words)]
        text_steps: dict[str, Step] = {
            "synonym": partial(text.synonyms, rate=config.synonym, neighbours=neighbours),
            "swap": partial(text.swap, rate=config.swap),
            "delete": partial(text.delete, rate=config.delete),
            "typo": partial(text.typos, rate=config.typo),
            "punctuation": partial(text.punctuation, rate=config.punctuation),
        }
        return cls(
            words=tuple(steps),
            texts=tuple(text_steps[name] for name in text_operations(config)),
            one=config.combine == "one",
        )

    def sentence(
        self, tokens: list[str], tags: list[str] | None, rng: Random
    ) -> tuple[list[str], list[str] | None]:
        """A variant of a sentence; the given lists are left as they are."""
        return self._through(self.words, tokens, tags, rng)

    def text(self, value: str, rng: Random) -> str:
        """A variant of a text."""
        words, gaps = text.split(value)
        if not words:
            return value
        return text.join(*self._through(self.texts, words, gaps, rng))

    def _through(
        self, steps: tuple[Step, ...], words: list[str], beside: Any, rng: Random
    ) -> tuple[list[str], Any]:
        if self.one and steps:
            return steps[int(rng.random() * len(steps))](words, beside, rng)
        for step in steps:
            words, beside = step(words, beside, rng)
        return words, beside


def _word_steps(
    config: AugmentConfig, words: Words, known: Inventory, neighbours: Neighbours
) -> dict[str, Step]:
    bio = words.scheme is not None
    return {
        "mention": partial(replace_mentions, rate=config.mention, mentions=known.mentions),
        "token": partial(replace_tokens, rate=config.token, words=known.tokens, spare=known.stop),
        "synonym": partial(
            replace_synonyms,
            rate=config.synonym,
            neighbours=neighbours,
            entities=config.synonym_entities,
            bio=bio,
        ),
        "shuffle": partial(shuffle_segments, rate=config.shuffle, bio=bio),
        "swap": partial(swap_words, rate=config.swap, bio=bio),
        "delete": partial(delete_words, rate=config.delete, bio=bio),
        "typo": partial(make_typos, rate=config.typo, entities=config.typo_entities, bio=bio),
        "punctuation": partial(insert_punctuation, rate=config.punctuation, bio=bio),
    }
