"""What is saved beside a model: its items, its users, and how features are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ft_recommend.catalogue import Catalogue
from ft_recommend.people import Context, People


@dataclass(frozen=True)
class Knowledge:
    """Items and users as the model knows them.

    Attributes:
        catalogue: the items, in the order of the model's rows.
        people: the users with all that they had.
        context: how the moment and the user become features.
    """

    catalogue: Catalogue
    people: People
    context: Context

    def save(self, folder: Path) -> None:
        """Write it as Parquet and JSON."""
        self.catalogue.save(folder)
        self.people.save(folder)
        self.context.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Knowledge:
        """Read what `save` wrote."""
        return cls(Catalogue.load(folder), People.load(folder), Context.load(folder))
