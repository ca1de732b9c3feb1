"""A run as small as `augment` needs: an epoch, the data, word embeddings, and what was said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

import ft
from ft_augment import Augment, AugmentConfig

PIECES = ("[PAD]", "##ing", "good", "great", "fine", "movie", "film", "table", "the", "1999")
VECTORS = {
    "good": (1.0, 0.0, 0.1),
    "great": (1.0, 0.1, 0.0),
    "fine": (1.0, 0.5, 0.0),
    "movie": (0.0, 1.0, 0.1),
    "film": (0.0, 1.0, 0.0),
    "the": (0.0, 1.0, 0.05),
    "1999": (1.0, 0.0, 0.05),
}

Columns = Mapping[str, list[Any]]


@dataclass
class FakeRun:
    """What `augment` uses of a run."""

    data: Any = None
    epoch: int = 1
    said: list[str] = field(default_factory=list)
    asked: int = 0

    def note(self, text: str) -> None:
        self.said.append(text)

    def word_embeddings(self) -> tuple[dict[str, int], np.ndarray]:
        self.asked += 1
        table = np.array([VECTORS.get(piece, (0.0, 0.0, 1.0)) for piece in PIECES], np.float32)
        return {piece: row for row, piece in enumerate(PIECES)}, table


@dataclass
class Started:
    """An `augment` that has loaded its data."""

    plugin: Augment
    run: FakeRun

    def encode(self, examples: Columns, epoch: int = 1, training: bool = True) -> Columns:
        """What the task's own `encode` would be handed."""
        self.run.epoch = epoch
        seen: list[Columns] = []

        def inner(run: Any, examples: Columns, training: bool) -> Columns:
            seen.append(examples)
            return {}

        self.plugin.encode(inner, self.run, examples, training)
        (examples,) = seen
        return examples


Start = Callable[..., Started]


@pytest.fixture(scope="session")
def start() -> Start:
    """Seeds an `augment` and lets it load the given columns as the training split."""

    def start(train: Columns, schema: ft.Schema, seed: int = 0, **settings: Any) -> Started:
        plugin = Augment(AugmentConfig(**settings))
        plugin.seed("augment", seed)
        splits = DatasetDict({"train": Dataset.from_dict(dict(train))})
        splits["test"] = splits["train"]
        run = FakeRun()
        run.data = plugin.load_data(lambda run: ft.TaskData(splits, schema), run)
        return Started(plugin, run)

    return start
