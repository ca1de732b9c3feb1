"""Reading, checking and fingerprinting data."""

from ft.data import tags
from ft.data.config import WordsConfig
from ft.data.fingerprints import fingerprint
from ft.data.linting import Finding, lint
from ft.data.raw import read_split_tables, read_table
from ft.data.spans import split_words, words_with_tags
from ft.data.texts import read_texts
from ft.data.words import read_words

__all__ = [
    "Finding",
    "WordsConfig",
    "fingerprint",
    "lint",
    "read_split_tables",
    "read_table",
    "read_texts",
    "read_words",
    "split_words",
    "tags",
    "words_with_tags",
]
