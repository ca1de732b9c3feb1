"""How texts are written: the settings of transformers' ``generate``, all of them said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from ft_seq2seq.settings import Seq2SeqConfig


def set_generation(model: Any, config: Seq2SeqConfig, longest: int, code: int | None) -> None:
    """Put the settings into the model's ``generation_config``, which is saved with it.

    So ``model.generate(**inputs)`` of the saved folder writes what ft writes. Marks that a model
    needs (how a text begins and ends) stay; lengths and penalties that it was published with go.

    Args:
        model: an encoder-decoder model.
        config: the settings.
        longest: tokens that are written at most.
        code: the token of the target's language, where there are such.
    """
    old: GenerationConfig = model.generation_config
    kept = {
        name: getattr(old, name, None)
        for name in (
            "pad_token_id",
            "bos_token_id",
            "eos_token_id",
            "decoder_start_token_id",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "bad_words_ids",
            "suppress_tokens",
        )
    }
    values: dict[str, Any] = {name: value for name, value in kept.items() if value is not None}
    values |= {"max_new_tokens": longest, "num_beams": config.beams, "do_sample": False}
    if config.beams > 1:
        values |= {"length_penalty": config.length_penalty, "early_stopping": True}
    if config.no_repeat:
        values["no_repeat_ngram_size"] = config.no_repeat
    if code is not None:
        # mBART begins with the code itself; its kin write the code first.
        wraps = getattr(model.config, "decoder_start_token_id", None) is None
        values["decoder_start_token_id" if wraps else "forced_bos_token_id"] = code
    model.generation_config = GenerationConfig(**values)


def described(config: GenerationConfig) -> str:
    """The settings in one line."""
    beams = config.num_beams or 1
    parts = ["greedy" if beams == 1 else f"{beams} beams"]
    if beams > 1:
        parts.append(f"length penalty {config.length_penalty:g}")
    parts.append(f"at most {config.max_new_tokens} new tokens")
    if config.no_repeat_ngram_size:
        parts.append(f"no {config.no_repeat_ngram_size} tokens twice")
    if config.forced_bos_token_id is not None:
        parts.append(f"first token {config.forced_bos_token_id}")
    return ", ".join(parts)


def write(model: Any, batch: dict[str, Tensor], wanted: Tensor | None) -> Tensor:
    """Token ids that the model writes, (batch, tokens), behind the token that a text starts with.

    Args:
        model: an encoder-decoder model.
        batch: with ``input_ids`` and ``attention_mask``.
        wanted: which rows are written, (batch,); the others are padding. ``None``: all.
    """
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    if wanted is None:
        ids: Tensor = model.generate(**inputs)
        return ids
    pad = model.generation_config.pad_token_id
    rows = wanted.nonzero().squeeze(-1)
    if not len(rows):
        return torch.full((len(wanted), 1), pad, device=wanted.device)
    some = model.generate(**{name: value[rows] for name, value in inputs.items()})
    written = torch.full((len(wanted), some.shape[1]), pad, device=some.device, dtype=some.dtype)
    written[rows] = some
    return written


def ended(ids: Sequence[int], ends: Any) -> bool:
    """Whether a text came to its end; else it was cut at the most tokens that are allowed."""
    marks = ends if isinstance(ends, list | tuple) else [ends]
    # The first token may be the same as the mark, as BART's is.
    return any(token in marks for token in ids[1:])
