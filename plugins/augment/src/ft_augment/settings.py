"""The settings of `augment`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ft import Config, Tunable


class AugmentConfig(Config):
    """Every operation has a rate of its own; 0 switches it off."""

    probability: Annotated[float, Tunable(0.1, 1)] = Field(
        0.5, ge=0, le=1, description="probability, per example and epoch, that it is altered at all"
    )
    combine: Literal["one", "all"] = Field(
        "one",
        description="one: an altered sentence or text gets one of the operations, drawn uniformly; "
        "all: every operation in turn, each at its rate",
    )
    copies: int = Field(
        1, ge=1, le=1000, description="how often each training example is seen an epoch"
    )
    keep_original: bool = Field(
        True, description="with copies > 1, the first copy of each example is never altered"
    )
    mention: float = Field(
        0.3,
        ge=0,
        le=1,
        description="probability per mention: another training mention of its type in its place",
    )
    token: float = Field(
        0.1,
        ge=0,
        le=1,
        description="probability per word, stop words aside: another training word of the same tag",
    )
    shuffle: float = Field(
        0.2,
        ge=0,
        le=1,
        description="probability per segment (a mention, or the words between two): its words "
        "in random order",
    )
    synonym: float = Field(
        0.2,
        ge=0,
        le=1,
        description="probability per word that has neighbours among the model's word embeddings: "
        "one of them instead",
    )
    synonym_entities: bool = Field(
        False, description="synonyms may replace words inside entities too"
    )
    synonym_neighbours: int = Field(
        5, ge=1, le=100, description="nearest neighbours a word may be replaced by"
    )
    synonym_similarity: float = Field(
        0.6, ge=-1, le=1, description="smallest cosine similarity of a neighbour"
    )
    swap: float = Field(
        0.0,
        ge=0,
        le=1,
        description="probability per word or whole entity: trades places with another one",
    )
    delete: float = Field(
        0.0, ge=0, le=1, description="probability per word outside of entities: left out"
    )
    punctuation: float = Field(
        0.3,
        ge=0,
        le=1,
        description="probability per sentence or text: marks inserted, one to a third of its words",
    )
    typo: float = Field(
        0.0,
        ge=0,
        le=1,
        description="probability per word of four letters or more: one typing error",
    )
    typo_entities: bool = Field(
        False, description="typing errors may hit words inside entities too"
    )
