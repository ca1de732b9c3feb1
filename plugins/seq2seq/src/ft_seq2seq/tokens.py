"""Sources and targets as token ids, with the language codes of models that have them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from ft import ConfigError, did_you_mean
from ft_seq2seq.settings import Seq2SeqConfig
from ft_seq2seq.turns import fitting

SAMPLE = 10_000
"""Training examples whose lengths are looked at, evenly spread."""

LARGEST = 512
"""Tokens of a target at most where the setting is ``auto``."""


def set_languages(tokenizer: Any, config: Seq2SeqConfig, owner: str) -> None:
    """Tell a tokenizer that has language codes which ones sources and targets have.

    Raises:
        ConfigError: a code is not set, or the tokenizer does not know it.
    """
    if not hasattr(tokenizer, "set_tgt_lang_special_tokens"):
        return
    vocabulary = tokenizer.get_vocab()
    for side, name in (("source_language", "src_lang"), ("target_language", "tgt_lang")):
        code = getattr(config, side) or getattr(tokenizer, name, None)
        known = [token for token in tokenizer.all_special_tokens if "_" in token]
        if code is None or code not in vocabulary:
            what = (
                "is not set" if code is None else f"is {code!r}, which the model has no token for"
            )
            raise ConfigError(
                f"{what}; the model has a token for each language",
                where=f"{owner}.{side}",
                hint=did_you_mean(code or "", known) or f"such as {', '.join(known[:8])}",
            )
        setattr(tokenizer, name, code)


def target_code(tokenizer: Any) -> int | None:
    """The token of the target's language; ``None`` where the tokenizer has no such codes."""
    if not hasattr(tokenizer, "set_tgt_lang_special_tokens"):
        return None
    return int(tokenizer.convert_tokens_to_ids(tokenizer.tgt_lang))


def encode_sources(
    tokenizer: Any, sources: Sequence[str], config: Seq2SeqConfig, most: int, dialogue: bool
) -> list[list[int]]:
    """Token ids of sources behind the prefix, at most so many; of a dialogue the oldest turns go.

    Args:
        tokenizer: the model's.
        sources: texts.
        config: the settings.
        most: tokens, special ones included.
        dialogue: the sources are turns with the separator between.
    """
    texts = list(sources)
    if dialogue:
        texts = fitting(
            texts,
            config.turn_separator,
            lambda some: list(
                map(len, tokenizer([config.prefix + one for one in some])["input_ids"])
            ),
            most,
        )
    texts = [config.prefix + text for text in texts]
    ids: list[list[int]] = tokenizer(texts, truncation=True, max_length=most)["input_ids"]
    return ids


def encode_targets(tokenizer: Any, targets: Sequence[str], most: int) -> list[list[int]]:
    """Token ids of targets with the mark of a text's end, without which no model learns to stop."""
    encoded = tokenizer(text_target=list(targets), truncation=True, max_length=most)
    ids: list[list[int]] = encoded["input_ids"]
    end = tokenizer.eos_token_id
    if end is None:
        return ids
    # A language's code may stand behind the mark.
    return [one if end in one[-2:] else [*one[: most - 1], end] for one in ids]


def decoder_inputs(labels: Sequence[Sequence[int]], config: PretrainedConfig) -> list[list[int]]:
    """What the decoder reads: the targets one token later, behind the token that it starts with.

    mBART has its targets' last token there, a language's code or the end of a text.
    """
    start = getattr(config, "decoder_start_token_id", None)
    wraps = start is None or config.model_type == "mbart"
    return [[one[-1] if wraps else start, *one[:-1]] for one in map(list, labels)]


class Lengths(NamedTuple):
    """How long the training data is, in tokens.

    Attributes:
        longest: what a target may have.
        seen: examples that were looked at.
        sources: of them, sources that are cut.
        targets: targets that are cut.
        longest_target: the longest target.
    """

    longest: int
    seen: int
    sources: int
    targets: int
    longest_target: int


def measure(
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str],
    config: Seq2SeqConfig,
    max_length: int,
    most: int | None,
) -> Lengths:
    """The lengths of training examples, and what a target may have by them.

    Args:
        tokenizer: the model's.
        sources: texts.
        targets: texts.
        config: the settings.
        max_length: tokens of a source.
        most: positions of the decoder; ``None``: any number.
    """
    room = LARGEST if most is None else min(LARGEST, most)
    some = [config.prefix + source for source in sources]
    of_sources = [len(one) for one in tokenizer(some)["input_ids"]]
    of_targets = [len(one) for one in encode_targets(tokenizer, targets, 1_000_000)]
    longest = max(of_targets)
    given = config.longest
    allowed = min(room, max(8, ceil(1.2 * longest))) if given == "auto" else given
    return Lengths(
        allowed,
        len(of_targets),
        sum(size > max_length for size in of_sources),
        sum(size > allowed for size in of_targets),
        longest,
    )
