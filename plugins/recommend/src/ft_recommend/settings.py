"""The settings of `recommend`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ft import DataConfig

Negatives = Literal["auto", "all", "sampled", "in_batch", "mixed"]


class RecommendConfig(DataConfig):
    """The ``[recommend]`` table.

    Interactions have the columns ``user``, ``item`` and, where there are any, ``rating`` and
    ``timestamp``; items have ``item`` and columns of text, numbers and categories. ``columns``
    gives the files' names for ours.
    """

    unused_settings = ("label_names", "label_separator", "missing_labels")

    interactions: str | None = Field(
        None,
        description="who had which item, and when: CSV, JSONL or Parquet; `train` means the same",
    )
    items: str | None = Field(
        None, description="the catalogue: one item a row, CSV, JSONL or Parquet"
    )
    users: str | None = Field(
        None, description="features of users, one user a row; may be left out"
    )
    text: tuple[str, ...] = Field(
        (), description="columns of items that make its text, in order; default: all that are words"
    )
    numbers: tuple[str, ...] | None = Field(
        None, description="numeric columns of items; default: all that hold numbers alone"
    )
    categories: tuple[str, ...] | None = Field(
        None, description="categorical columns of items, values parted by |; default: found"
    )
    min_rating: float | None = Field(
        None, description="a lower rating does not count as liked, but the item as seen"
    )
    lone_users: Literal["train", "refuse"] = Field(
        "train",
        description="users with one interaction: train on it (they cannot be tested), or refuse",
    )
    cold_share: float = Field(
        0.0, ge=0, lt=1, description="share of items withheld from training, to measure new items"
    )
    validation_users: int = Field(
        5000, gt=0, description="users that validation asks at most, chosen at random once"
    )
    history: int = Field(20, gt=0, description="liked items that are read, the most recent ones")
    text_length: int = Field(48, gt=2, description="tokens of an item's text that are read")
    tuned_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="share of a batch's candidates that the encoder learns from; 0: it stays as it is",
    )
    dimension: int = Field(128, gt=0, description="size of the vectors of users and items")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout of the user's vector")
    item_embeddings: bool = Field(
        True, description="learn a vector of each known item beside its text and features"
    )
    item_dropout: float = Field(
        0.5,
        ge=0,
        le=1,
        description="how often such a vector is left out, as a new item's always is",
    )
    loss: Literal["softmax", "bpr", "rating"] = Field(
        "softmax",
        description="softmax over candidates, BPR's pairs, or squared error of the rating",
    )
    negatives: Negatives = Field(
        "auto",
        description="against which candidates: all items, sampled ones, the batch's, or both "
        "(mixed); auto: all up to 20,000 items, else mixed",
    )
    sampled: int = Field(1024, gt=0, description="negatives sampled a step")
    sampling_power: float = Field(
        0.0, ge=0, le=1, description="items are sampled by popularity to this power; 0: alike"
    )
    correction: bool = Field(
        True, description="take the log of a candidate's chance to be sampled off its score"
    )
    top: int = Field(10, gt=0, description="length of the lists; the k of nDCG@k and recall@k")
    exclude_seen: bool = Field(True, description="do not recommend what the user had already")
