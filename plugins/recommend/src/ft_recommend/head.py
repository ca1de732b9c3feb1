"""Saving and loading a model: the encoder as transformers does, the rest beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

if TYPE_CHECKING:
    from ft_recommend.knowledge import Knowledge

HEAD = "head.safetensors"
ENCODER = "encoder."


def save(model: Any, folder: Path, shape_file: str) -> None:
    """Write a model with the attributes ``encoder``, ``shape`` (a dataclass) and ``knowledge``."""
    model.encoder.save_pretrained(folder)
    head = {
        name: value.detach().cpu().contiguous()
        for name, value in model.state_dict().items()
        if not name.startswith(ENCODER)
    }
    save_file(head, folder / HEAD)
    (folder / shape_file).write_text(json.dumps(asdict(model.shape)))
    knowledge: Knowledge | None = model.knowledge
    if knowledge is not None:
        knowledge.save(folder)


def read(folder: Path, shape_file: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The sizes and the tensors that `save` wrote."""
    return json.loads((folder / shape_file).read_text()), load_file(folder / HEAD)


def fill(model: nn.Module, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Put saved tensors into a model around its encoder.

    Raises:
        ValueError: they do not fit.
    """
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    odd = [name for name in missing if not name.startswith(ENCODER)] + list(unexpected)
    if odd:
        raise ValueError(f"{folder / HEAD} does not fit the model: {', '.join(odd[:3])}")
