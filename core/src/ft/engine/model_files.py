"""What a model's folder must bring, and how long its inputs may be."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ft.contract.errors import ConfigError
from ft.contract.model import quiet_transformers
from ft.engine.randomness import undisturbed

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

PADDED = frozenset({"fnet", "funnel", "nystromformer"})
"""Models of transformers whose outputs depend on the padding of the batch: they have no full
attention mask.
"""

PADDED_LEFT = frozenset({"xlnet"})
"""Models of relative positions whose head reads the last position, which must be no padding."""

_SENTENCEPIECE = ("spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
_NEEDED = {"sentencepiece": "sentencepiece", "google.protobuf": "protobuf"}


def sentencepiece_hint(model_path: str) -> str | None:
    """What to install for a model that brings its tokenizer as a SentencePiece model alone."""
    folder = Path(model_path)
    files = [name for name in _SENTENCEPIECE if (folder / name).is_file()]
    missing = [package for module, package in _NEEDED.items() if not _there(module)]
    if not files or not missing or (folder / "tokenizer.json").is_file():
        return None
    return (
        f"to read its {files[0]}, transformers needs {' and '.join(missing)}: "
        f"pip install {' '.join(missing)}"
    )


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, model_path: str) -> None:
    """Refuse a tokenizer that cannot be used.

    Raises:
        ConfigError: it is a slow one, or knows no words: transformers makes an empty one where the
            folder has no tokenizer files.
    """
    if not tokenizer.is_fast:
        raise ConfigError(
            f"{model_path} has no fast tokenizer",
            where="run.model",
            hint="choose a model with a tokenizer.json",
        )
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    if len(set(tokenizer.get_vocab()) - special) < 2:
        raise ConfigError(
            f"the tokenizer of '{model_path}' has an empty vocabulary: its files are missing",
            where="run.model",
            hint=sentencepiece_hint(model_path)
            or "copy the tokenizer's files (tokenizer.json, tokenizer_config.json) into the "
            "model's folder",
        )


def positions_of(config: PretrainedConfig) -> int | None:
    """How many tokens a model has positions for; ``None`` where any number.

    RoBERTa and its kin count positions from behind the padding index: their table of positions,
    and no other model's, has one.
    """
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:
        return None
    kind: Any = type(config)
    return most - _first_position(kind, config.to_json_string(use_diff=False), most)


def counts_from_padding(config: PretrainedConfig) -> bool:
    """Whether the positions of a model depend on which token pads, as RoBERTa's do."""
    return positions_of(config) != getattr(config, "max_position_embeddings", None)


@lru_cache(maxsize=8)
def _first_position(kind: type[PretrainedConfig], values: str, positions: int) -> int:
    """Of the model of a configuration, built without weights: once for all runs of a process."""
    from transformers import AutoModel

    try:
        with quiet_transformers(), undisturbed(), torch.device("meta"):
            model: Any = AutoModel.from_config(kind.from_dict(json.loads(values)))
        words = model.get_input_embeddings()
    except Exception:
        return 0  # code of its own, or no model of words: building it says what is wrong
    indices = [
        module.padding_idx
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        and module is not words
        and module.num_embeddings == positions
    ]
    return max((index + 1 for index in indices if index is not None), default=0)
