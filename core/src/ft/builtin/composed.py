"""The model of several tasks with one encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import nn


class Composed(nn.Module):
    """The models of several tasks with one encoder inside.

    Attributes:
        tasks: the models by the names of their tasks.
        config: of the encoder.
    """

    def __init__(self, models: Mapping[str, nn.Module], encoder: nn.Module) -> None:
        super().__init__()
        self.tasks = nn.ModuleDict(models)
        self.config = encoder.config
        self._encoder = [encoder]  # in a list, so that it is registered in the models alone

    @property
    def base_model(self) -> nn.Module:
        """The encoder of all tasks."""
        return self._encoder[0]

    def get_input_embeddings(self) -> nn.Module:
        """Those of the encoder."""
        return cast(Any, self.base_model).get_input_embeddings()  # type: ignore[no-any-return]

    def save_pretrained(self, folder: Path) -> None:
        """Each task's whole model in a folder of its name, and the encoder beside them."""
        for name, model in self.tasks.items():
            cast(Any, model).save_pretrained(Path(folder) / name)
        cast(Any, self.base_model).save_pretrained(folder)
