"""Text augmentation as a technique of ft, for words with tags, free texts and pairs."""

from ft_augment.deletion import delete_words
from ft_augment.labelwise import replace_tokens
from ft_augment.mention import replace_mentions
from ft_augment.plugin import Augment
from ft_augment.punctuation import insert_punctuation
from ft_augment.settings import AugmentConfig
from ft_augment.shuffle import shuffle_segments
from ft_augment.swap import swap_words
from ft_augment.synonym import replace_synonyms
from ft_augment.typo import make_typos

__version__ = "0.1.0"

__all__ = [
    "Augment",
    "AugmentConfig",
    "delete_words",
    "insert_punctuation",
    "make_typos",
    "replace_mentions",
    "replace_synonyms",
    "replace_tokens",
    "shuffle_segments",
    "swap_words",
]
