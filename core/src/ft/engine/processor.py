"""What turns raw inputs into a model's: its tokenizer, its image processor, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

if TYPE_CHECKING:
    from ft.contract.run import Run

TOKENIZER = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "spm.model"),
    *("tokenizer.model", "sentencepiece.bpe.model"),
)
"""Files of which a tokenizer has at least one; transformers makes an empty one of none."""

IMAGES = ("preprocessor_config.json", "processor_config.json")
"""Files that describe an image processor."""


def has_tokenizer(model: str) -> bool:
    """Whether there is a tokenizer in a folder or under a name of the hub."""
    return _has(model, TOKENIZER)


def _has(model: str, names: tuple[str, ...]) -> bool:
    if Path(model).is_dir():
        return any((Path(model) / name).is_file() for name in names)
    quiet: dict[str, Any] = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_connection_errors": False,
        "_raise_exceptions_for_gated_repo": False,
    }
    return any(cached_file(model, name, **quiet) is not None for name in names)


def load_processor(run: Run) -> Any:
    """The tokenizer, else the image processor, else ``None``, of the model of a run.

    Raises:
        ConfigError: there is no such model.
    """
    _ = run.model_config  # where there is no model, that says so
    if has_tokenizer(run.model_path):
        return run.tokenizer
    if _has(run.model_path, IMAGES):
        return run.load(AutoImageProcessor.from_pretrained, "image processor")
    return None


def load_tokenizer(run: Run, **settings: Any) -> PreTrainedTokenizerBase:
    """The tokenizer at the path of the model of a run."""
    tokenizer: PreTrainedTokenizerBase = run.load(
        AutoTokenizer.from_pretrained, "tokenizer", **settings
    )
    return tokenizer


def described(processor: Any) -> dict[str, Any]:
    """All that decides what a processor makes of its inputs, as JSON values."""
    if processor is None:
        return {}
    if isinstance(processor, PreTrainedTokenizerBase):
        backend: dict[str, Any] = json.loads(processor.backend_tokenizer.to_str())
        return backend
    values: dict[str, Any] = json.loads(processor.to_json_string())
    return values
