"""The settings of `seq2seq`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ft import DataConfig, Tunable

Bleu = Literal["auto", "13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"]


class Seq2SeqConfig(DataConfig):
    """The ``[seq2seq]`` table.

    A file has a row for each pair: the columns ``source`` and ``target``, which ``columns`` gives the
    file's names for. A source is a text, or the turns of a dialogue as a list; a target is a text, or
    a list of references, of which the first is learnt and all are scored against.
    """

    unused_settings = ("label_names", "label_separator", "missing_labels")

    dialogue: bool = Field(
        False,
        description="a row is a whole dialogue, in the column turns: a list of texts, or of "
        "{role, content}; every reply in it is an example",
    )
    reply_by: str | None = Field(
        None,
        description="the role whose turns are learnt as replies; default: assistant where there is "
        "one, else every turn but the first",
    )
    history: int | None = Field(
        None, gt=0, description="turns before a reply that are read, the last ones; default: all"
    )
    turn_separator: str = Field(" | ", min_length=1, description="between the turns of a source")
    speakers: bool = Field(False, description="put the role before each turn, such as 'user: hi'")
    parallel: tuple[str, str] | None = Field(
        None,
        description="the endings of parallel text files, e.g. ['en', 'de']: train is then "
        "'corpus.en', and line by line the targets are in 'corpus.de'",
    )
    prefix: str = Field(
        "", description="put before each source, e.g. 'translate English to German: ' for T5"
    )
    source_language: str | None = Field(
        None, description="the source's code, where the model has language codes, e.g. en_XX"
    )
    target_language: str | None = Field(
        None, description="the target's code, e.g. de_DE or de; it also chooses BLEU's words"
    )
    longest: int | Literal["auto"] = Field(
        "auto",
        description="tokens of a target at most, in training and when texts are written; auto: a "
        "fifth more than the longest target of train",
    )
    beams: Annotated[int, Tunable(choices=(1, 2, 4))] = Field(
        4, gt=0, description="texts that are kept at each token of the search; 1: greedy"
    )
    length_penalty: float = Field(
        1.0, description="exponent of the length by which a beam's score is divided"
    )
    no_repeat: int = Field(
        0, ge=0, description="tokens in a row that a text must not hold twice; 0: any may repeat"
    )
    generate: int = Field(
        200,
        ge=0,
        description="validation texts that are written at each evaluation during training, always "
        "the same ones; at the end all are; 0: none, and the loss picks the best model",
    )
    label_smoothing: Annotated[float, Tunable(0, 0.2)] = Field(
        0.0, ge=0, lt=1, description="share of a token's target that all tokens have, in training"
    )
    bleu_tokenizer: Bleu = Field(
        "auto",
        description="sacreBLEU's tokenizer; auto: zh for Chinese, char for Japanese, Korean and "
        "Thai targets, else 13a",
    )
