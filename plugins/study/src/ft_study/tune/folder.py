"""The folder of a search: its runs, its settings and its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ft_study.folder import CLAIMS


@dataclass(frozen=True)
class SearchFolder:
    """A folder with the runs of a search.

    Attributes:
        path: the folder.
        id: tells it from the folders of the same study on other machines.
    """

    path: Path
    id: str

    @property
    def claims(self) -> Path:
        """The folder of the claims on trials."""
        return self.path / CLAIMS

    @property
    def base(self) -> Path:
        """The settings that the search starts from."""
        return self.path / "base.toml"

    @property
    def best(self) -> Path:
        """The settings of the best run."""
        return self.path / "best.toml"

    @property
    def database(self) -> Path:
        """The trials, unless the user named another storage."""
        return self.path / "study.db"

    def run(self, number: int) -> Path:
        """The run of a trial."""
        return self.path / "runs" / f"{number:04}"
