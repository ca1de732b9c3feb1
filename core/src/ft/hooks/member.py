"""A plugin of one run."""

from __future__ import annotations

from ft.contract.plugin import Plugin


class Member:
    """A plugin of this run: the instance and how to name it to people."""

    def __init__(self, name: str, plugin: Plugin, distribution: str | None, version: str | None):
        self.name = name
        self.plugin = plugin
        self.distribution = distribution
        self.version = version

    @property
    def owner(self) -> str:
        """Such as ``'ner' (ft-ner 0.1.0)``."""
        origin = " ".join(part for part in (self.distribution, self.version) if part)
        return f"'{self.name}' ({origin})" if origin else f"'{self.name}'"
