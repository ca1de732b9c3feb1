"""What is saved beside a model: its items, its users, and how features are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ft_recommend.catalogue import Catalogue
from ft_recommend.users import Context, Users


@dataclass(frozen=True)
class Knowledge:
    """Items and users as the model knows them.

    Attributes:
        catalogue: the items, in the order of the model's rows.
        users: the users with all that they had.
        context: how the moment and the user become features.
    """

    catalogue: Catalogue
    users: Users
    context: Context

    def context_of(
        self, users: Sequence[str], time: Sequence[float], last: Sequence[float]
    ) -> list[list[float]]:
        """Features of users and moments, one list each; see `Context.matrix`."""
        user = self.users.features_of(users, self.context.user)
        matrix = self.context.matrix(np.array(time, float), np.array(last, float), user)
        listed: list[list[float]] = padded(matrix).tolist()
        return listed

    def save(self, folder: Path) -> None:
        """Write it as Parquet and JSON."""
        self.catalogue.save(folder)
        self.users.save(folder)
        self.context.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Knowledge:
        """Read what `save` wrote."""
        return cls(Catalogue.load(folder), Users.load(folder), Context.load(folder))


def padded(matrix: np.ndarray) -> np.ndarray:
    """The matrix, with one column of zeros if it has none."""
    return matrix if matrix.shape[1] else np.zeros((len(matrix), 1), np.float32)
