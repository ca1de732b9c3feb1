"""What installed distributions offer ft, read from their metadata alone: nothing is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

PLUGINS = "ft.plugins"
"""The entry-point group of plugins."""

COMMANDS = "ft.commands"
"""The entry-point group of commands, ``ft NAME``."""

KINDS = {"ft-task", "ft-technique"}
"""Keywords by which a distribution says of what kind its plugins are."""


@dataclass(frozen=True)
class Installed:
    """A plugin or a command that some installed distribution offers.

    Attributes:
        name: what ``--plugins`` calls it, or what is typed behind ``ft``.
        distribution: the distribution that offers it.
        version: of the distribution.
        summary: of the distribution, one line.
        kind: ``task`` or ``technique``, where the distribution says one of them among its keywords,
            as ``ft-task`` or ``ft-technique``.
        target: where it is, ``package.module:Class`` or ``package.module:function``.
    """

    name: str
    distribution: str
    version: str
    summary: str
    target: str
    kind: str | None = None

    @property
    def owner(self) -> str:
        """How to name who offers it, e.g. ``ft-ner 0.1.0``."""
        return f"{self.distribution} {self.version}"


def installed(group: str = PLUGINS) -> list[Installed]:
    """Everything that is offered in an entry-point group, by name; a clash gives both."""
    found = []
    for point in metadata.entry_points(group=group):
        about: Any = point.dist.metadata if point.dist else {}
        kinds = KINDS & {word.strip() for word in (about.get("Keywords") or "").split(",")}
        found.append(
            Installed(
                name=point.name,
                distribution=about.get("Name") or "a distribution without a name",
                version=about.get("Version") or "without a version",
                summary=about.get("Summary") or "",
                target=point.value.partition("[")[0].strip(),
                kind=kinds.pop().removeprefix("ft-") if len(kinds) == 1 else None,
            )
        )
    return sorted(found, key=lambda one: (one.name, one.distribution))


def duplicates(plugins: Sequence[Installed]) -> dict[str, list[Installed]]:
    """The names that more than one distribution offers, with all of those that do."""
    by_name: dict[str, list[Installed]] = {}
    for one in plugins:
        by_name.setdefault(one.name, []).append(one)
    return {name: offers for name, offers in by_name.items() if len(offers) > 1}
