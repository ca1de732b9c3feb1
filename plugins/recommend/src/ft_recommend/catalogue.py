"""The items: their ids, texts and features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ft_recommend.columns import joined
from ft_recommend.features import Features

ITEMS = "items.parquet"
ITEM_FEATURES = "item_features.json"


@dataclass(frozen=True)
class Catalogue:
    """Items in a fixed order; an item's row is its number everywhere.

    Attributes:
        ids: (items,), what the user calls each.
        texts: what the encoder reads of each.
        features: (items, size) float32, see `Features`.
        space: how features are made.
        text_columns: the columns that make the text.
    """

    ids: list[str]
    texts: list[str]
    features: np.ndarray
    space: Features
    text_columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each id."""
        return {item: row for row, item in enumerate(self.ids)}

    def text_from(self, columns: Mapping[str, Any]) -> str:
        """The text of an item given as a mapping of columns."""
        return join_text([joined(columns.get(name)) for name in self.text_columns])

    def features_from(self, columns: Mapping[str, Any]) -> np.ndarray:
        """The features, (size,), of an item given as a mapping of columns; absent ones are missing."""
        numbers = {name: np.array([_float(columns.get(name))]) for name in self.space.knots}
        categories = {name: [joined(columns.get(name))] for name in self.space.values}
        return self.space.matrix(1, numbers, categories).reshape(-1)

    def with_items(
        self, ids: Sequence[str], texts: Sequence[str], features: np.ndarray
    ) -> Catalogue:
        """This catalogue with more items behind its own."""
        return replace(
            self,
            ids=[*self.ids, *ids],
            texts=[*self.texts, *texts],
            features=np.concatenate([self.features, features]),
        )

    def save(self, folder: Path) -> None:
        """Write it as Parquet and JSON."""
        size = self.features.shape[1]
        flat = pa.array(self.features.reshape(-1))
        features = pa.FixedSizeListArray.from_arrays(flat, size) if size else pa.nulls(len(self))
        table = pa.table({"item": self.ids, "text": self.texts, "features": features})
        pq.write_table(table, folder / ITEMS)
        values = {"features": self.space.to_json(), "text_columns": list(self.text_columns)}
        (folder / ITEM_FEATURES).write_text(json.dumps(values, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Read what `save` wrote."""
        values = json.loads((folder / ITEM_FEATURES).read_text())
        space = Features.from_json(values["features"])
        table = pq.read_table(folder / ITEMS)
        features = np.zeros((table.num_rows, 0), np.float32)
        if space.size:
            column = table.column("features").combine_chunks()
            features = np.asarray(column.flatten().to_numpy()).reshape(table.num_rows, space.size)
        return cls(
            table.column("item").to_pylist(),
            table.column("text").to_pylist(),
            features,
            space,
            tuple(values["text_columns"]),
        )


def join_text(parts: Sequence[str]) -> str:
    """The text of an item from its columns: sentences, values parted by ``|`` as a list."""
    return ". ".join(part.strip().replace("|", ", ") for part in parts if part.strip())


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
