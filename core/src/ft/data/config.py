"""The settings of a task that reads words with tags."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ft.contract.settings import DataConfig
from ft.data.tags.cutting import Rule


class WordsConfig(DataConfig):
    """Where words with tags come from; base of the settings of a task such as ``ner``.

    A table (CSV, JSONL, Parquet, the hub) has the columns ``tokens`` and ``tags``, two lists of one
    length, or ``text`` and ``entities``, spans of characters; ``columns`` maps other names to these.
    """

    unused_settings = ("label_separator", "missing_labels")

    token_column: int | None = Field(
        None, description="CoNLL: the column of the words, counted from 0; default: the first"
    )
    tag_column: int | None = Field(
        None, description="CoNLL: the column of the tags; negative counts from the end; default: -1"
    )
    scheme: Literal[
        "auto", "BIO2", "BIO", "IOB2", "IOB1", "IO", "BIOES", "IOBES", "BMES", "BILOU", "none"
    ] = Field("auto", description="how tags mark spans; none: plain tags, such as parts of speech")
    split_words: Rule | Literal["auto"] = Field(
        "auto",
        description="how running text is cut into words, here and in requests; auto: where the data "
        "comes as words, the rule that gives them best, else 'words'",
    )
    offsets: Literal["auto", "characters", "utf-16", "bytes", "inclusive"] = Field(
        "auto",
        description="what offsets of spans count, or that ends are those of the last character; "
        "auto: characters, unless another way alone fits the words of all spans",
    )
    repair_tags: bool = Field(
        False, description="read impossible tag sequences by conlleval's rule instead of refusing"
    )
