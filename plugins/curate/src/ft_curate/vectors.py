"""Texts as the encoder of a run sees them: pieces and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ft_curate.opened import Opened

PIECES = 256
"""Pieces of a text, from its beginning, that its vector is made of at most."""

TOGETHER = 8192
"""Pieces of a pass."""


class Encoder:
    """The tokenizer and the encoder of a run.

    Attributes:
        tokenizer: ``None`` where the run has none; ``why`` says so.
        model: the encoder; ``None`` where it cannot be called; ``why`` says so.
    """

    def __init__(self, run: Opened) -> None:
        self.tokenizer: Any = _tokenizer(run.folder / "model")
        self.model = _encoder(run.trained.model)
        self.why = (
            "the run has no tokenizer of transformers"
            if self.tokenizer is None
            else "the model has no encoder of transformers that can be asked for vectors"
            if self.model is None
            else ""
        )

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of the pieces of each text, without special ones."""
        found = []
        for begin in range(0, len(texts), 1024):
            part = list(texts[begin : begin + 1024])
            found += self.tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
        return found

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """The mean of the encoder's last states over the pieces of each text: (texts, hidden).

        Only the first `PIECES` pieces of a long text count.
        """
        assert self.model is not None
        config: Any = self.model.config
        longest = min(PIECES, self.tokenizer.model_max_length)
        if positions := getattr(config, "max_position_embeddings", None):
            longest = min(longest, max(8, positions - 2))
        encoded = [
            ids
            for begin in range(0, len(texts), 1024)
            for ids in self.tokenizer(
                list(texts[begin : begin + 1024]), truncation=True, max_length=longest
            )["input_ids"]
        ]
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        device = next(self.model.parameters()).device
        found = np.zeros((len(texts), config.hidden_size), np.float32)
        begin = 0
        with torch.no_grad():
            while begin < len(order):
                end = begin + 1
                while end < len(order) and len(encoded[order[end]]) * (end - begin) < TOGETHER:
                    end += 1
                some = order[begin:end]
                batch = self.tokenizer.pad(
                    {"input_ids": [encoded[i] for i in some]}, return_tensors="pt"
                ).to(device)
                states = self.model(**batch)[0].float()
                mask = batch["attention_mask"][..., None].float()
                found[some] = ((states * mask).sum(1) / mask.sum(1)).cpu().numpy()
                begin = end
        return found


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    folders = [folder, *(path.parent for path in sorted(folder.glob("*/tokenizer_config.json")))]
    for one in folders:
        if (one / "tokenizer_config.json").is_file():
            try:
                return AutoTokenizer.from_pretrained(one)
            except (OSError, ValueError):
                return None
    return None


def _encoder(model: nn.Module) -> Any:
    """The first part of a model that is an encoder of transformers alone."""
    from transformers import PreTrainedModel

    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            base = module.base_model
            kind = getattr(base.config, "is_encoder_decoder", False)
            return None if kind or not hasattr(base.config, "hidden_size") else base
    return None
