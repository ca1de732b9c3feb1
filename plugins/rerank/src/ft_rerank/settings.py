"""The settings of `rerank`."""

from __future__ import annotations

from pydantic import Field

from ft import DataConfig


class RerankConfig(DataConfig):
    """The ``[rerank]`` table.

    A file has a row for each candidate of a query: the columns ``query``, ``text`` and ``grade``
    (0: irrelevant; a click is 1), and ``id`` where candidates have one. ``columns`` gives the
    files' names for ours.
    """

    unused_settings = ("label_names", "label_separator", "missing_labels")

    negatives: int = Field(
        4,
        ge=0,
        description="texts of other queries that a training query gets as irrelevant candidates, "
        "where its own are all relevant",
    )
    candidates: int = Field(
        20, gt=0, description="the same for a query of the validation or test split"
    )
    top: int = Field(10, gt=0, description="the k of nDCG@k and recall@k")
