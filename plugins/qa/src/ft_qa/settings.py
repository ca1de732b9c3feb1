"""The settings of `qa`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ft import DataConfig


class QAConfig(DataConfig):
    """The ``[qa]`` table.

    A file has a row for each question: the columns ``question``, ``context`` and ``answers``. The
    answers are a list of ``{"text", "start"}`` (the first character; ``answer_start`` says the
    same) or of ``{"start", "end"}``, the layout of SQuAD (``{"text": [...], "answer_start": [...]}``),
    or one text, whose place the column ``answer_start`` has, where there is one. A question whose
    answer does not stand in its context has none: an empty list, text, or null. The files of SQuAD 1
    and 2 are read as they are. ``columns`` gives the files' names for ours.
    """

    unused_settings = ("label_names", "label_separator", "missing_labels")

    no_answer: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="whether a question may have no answer in its context; auto: yes if train has "
        "such questions",
    )
    null_threshold: float | Literal["auto"] = Field(
        "auto",
        description="an answer is given if its score is above that of no answer by more than this; "
        "auto: what gives the best F1 on the validation split",
    )
    window_overlap: int = Field(
        128, ge=0, description="tokens of a long context that neighbouring windows share"
    )
    longest_answer: int = Field(30, gt=0, description="tokens of an answer at most")
    best: int = Field(5, gt=0, description="answers that a prediction holds, the best first")
