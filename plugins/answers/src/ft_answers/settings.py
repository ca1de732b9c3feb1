"""The settings of `answers`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ft import DataConfig


class AnswersConfig(DataConfig):
    """The ``[answers]`` table.

    A row of a split is a question: the columns ``question`` and ``answer``, the answer's text or its id
    in the file of ``answers``; an empty answer says that none fits. ``columns`` gives the files' names
    for ours; ``columns.group`` names a column whose rows are phrasings of one question.
    """

    unused_settings = ("label_names", "label_separator", "missing_labels")

    answers: str | None = Field(
        None,
        description="file of all answers, with the columns id and answer; default: the answers "
        "that the splits have",
    )
    answer_columns: dict[str, str] = Field(
        default_factory=dict, description="that file's names for the columns id and answer"
    )
    hold_out: Literal["question", "answer"] = Field(
        "question",
        description="what validation does not share with train where it is split off: questions, "
        "or answers too",
    )
    match: Literal["answers", "questions", "both"] = Field(
        "answers",
        description="what a new question is compared with: the texts of the answers, the training "
        "questions of each, or both",
    )
    scale: float = Field(20.0, gt=0, description="factor on the cosines in the loss")
    symmetric: bool = Field(
        True, description="the loss also tells the questions of an answer from others"
    )
    negatives: int = Field(
        0,
        ge=0,
        description="wrong answers that each question trains with beside those of the batch: hard "
        "ones, mined with the model before every epoch",
    )
    margin: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="a mined answer's score is below the right one's by this share at least: what "
        "is nearer may be right too",
    )
    pooling: Literal["auto", "mean", "cls"] = Field(
        "auto",
        description="how tokens become a vector; auto: as the model's folder says, else mean",
    )
    question_prefix: str = Field(
        "", description="set before every question, such as 'query: ' for e5"
    )
    answer_prefix: str = Field(
        "", description="set before every answer, such as 'passage: ' for e5"
    )
    mix: Literal["none", "bm25"] = Field(
        "none", description="bm25: the ranks of BM25 and of the model together decide the order"
    )
    rerank: str | None = Field(
        None, description="folder of a finished run of `rerank`, which orders the best answers anew"
    )
    rerank_top: int = Field(20, gt=0, description="answers that it orders")
    top: int = Field(10, gt=0, description="answers of a prediction; the depth of the metrics")
    precision: float = Field(
        0.9,
        gt=0,
        le=1,
        description="share of the given answers that shall be right; the threshold for it is "
        "chosen on the validation split",
    )
    threshold: float | Literal["auto", "none"] = Field(
        "auto", description="least score of an answer that is given; none: one is always given"
    )
    exact_up_to: int = Field(
        1_000_000,
        ge=0,
        description="vectors that are searched by exact product; beyond, by faiss if it is there",
    )
