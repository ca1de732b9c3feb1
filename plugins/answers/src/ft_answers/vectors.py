"""Texts as vectors: the pooling, many texts at once, and the form that sentence-transformers reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence
from transformers.utils import cached_file

from ft import ConfigError

TOKENS = 8192
"""Of a pass over many texts, with padding."""

POOLING = "1_Pooling/config.json"
MODES = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}


def find_pooling(model_path: str) -> str:
    """How the model's folder says that tokens become a vector; the mean where it says nothing.

    Raises:
        ConfigError: it says another way than the mean or the first token.
    """
    quiet = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_connection_errors": False,
        "_raise_exceptions_for_gated_repo": False,
    }
    path = cached_file(model_path, POOLING, **quiet)
    if path is None:
        return "mean"
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    chosen = told.get("pooling_mode") or [
        key.removeprefix("pooling_mode_")
        for key in told
        if key.startswith("pooling_mode_") and told[key]
    ]
    names = {"mean": "mean", "mean_tokens": "mean", "cls": "cls", "cls_token": "cls"}
    found = [names.get(one) for one in ([chosen] if isinstance(chosen, str) else chosen)]
    if len(found) != 1 or found[0] is None:
        raise ConfigError(
            f"the model's {POOLING} names another pooling than mean or cls: {chosen}",
            where="answers.pooling",
            hint="choose one of them by the setting, or another model",
        )
    return found[0]


def pooled(model: nn.Module, ids: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Vectors of length 1, (batch, width), float32, of token ids, (batch, tokens)."""
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    if pooling == "cls":
        return normalize(hidden[:, 0], dim=-1)
    weights = mask[..., None].to(hidden.dtype)
    return normalize((hidden * weights).sum(1), dim=-1)


def embed(
    model: nn.Module,
    ids: Sequence[Sequence[int]],
    *,
    pad: int,
    pooling: str,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> np.ndarray:
    """Vectors of many texts, (texts, width), float32; long ones first, in passes of `TOKENS`."""
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    parts: list[np.ndarray] = []
    begin = 0
    with evaluating(model), autocast():
        while begin < len(order):
            count = max(1, TOKENS // max(1, len(ids[order[begin]])))
            rows = [torch.tensor(ids[i]) for i in order[begin : begin + count]]
            sizes = torch.tensor([len(row) for row in rows])
            batch = pad_sequence(rows, batch_first=True, padding_value=pad).to(device)
            mask = (torch.arange(batch.shape[1]) < sizes[:, None]).long().to(device)
            parts.append(pooled(model, batch, mask, pooling).cpu().numpy())
            begin += count
    found = np.concatenate(parts)
    vectors = np.empty_like(found)
    vectors[order] = found
    return vectors


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients; each module as it was at the end."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def weights_hash(model: nn.Module) -> str:
    """Says whether vectors were made with the weights that the model has now."""
    digest = hashlib.blake2b(digest_size=16)
    for value in [*model.parameters(), *model.buffers()]:
        digest.update(value.detach().contiguous().view(-1).view(torch.uint8).cpu().numpy().data)
    return digest.hexdigest()


def write_sentence_transformers(
    folder: Path, *, width: int, max_length: int, pooling: str, prefixes: Mapping[str, str]
) -> None:
    """Add what lets sentence-transformers load a folder of transformers, with the same vectors.

    Args:
        folder: with the model and its tokenizer.
        width: of the vectors.
        max_length: tokens of a text at most.
        pooling: how tokens become a vector.
        prefixes: what is set before texts, ``query`` and ``document``.
    """
    kind = "sentence_transformers.models."
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": kind + name}
        for k, (path, name) in enumerate(parts)
    ]
    prompts = {name: text for name, text in prefixes.items() if text}
    files: dict[str, Any] = {
        "modules.json": modules,
        POOLING: {
            "word_embedding_dimension": width,
            **{key: mode == pooling for mode, key in MODES.items()},
        },
        "2_Normalize/config.json": {},
        "sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": prompts, "similarity_fn_name": "cosine"},
    }
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
